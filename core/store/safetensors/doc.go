// Package safetensors reads and writes the safetensors format:
//
//	u64 little-endian  n, the length of the header
//	n bytes            JSON, padded with spaces: name -> {dtype, shape, data_offsets}
//	rest               the tensors' bytes, little-endian, C order
//
// Offsets count from the end of the header. Reading applies every rule of the
// reference (safetensors/src/tensor.rs, read_metadata and validate) and some
// more: names are unique, fields are spelt exactly, tensors cover the data
// without holes, overlaps or rest. Values are not judged.
//
// It knows no other format and gives names no meaning.
package safetensors
