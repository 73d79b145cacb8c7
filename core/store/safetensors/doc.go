// Package safetensors reads and writes the safetensors format:
//
//	u64 little-endian  n, the length of the header
//	n bytes            JSON, padded with spaces: name -> {dtype, shape, data_offsets}
//	rest               the tensors' bytes, little-endian, C order
//
// Offsets count from the end of the header. Reading applies every rule of the
// reference (safetensors/src/tensor.rs, read_metadata and validate) and some
// more: names are unique, printable and at most 1024 bytes, fields are spelt
// exactly, numbers are integers, tensors cover the data without holes, overlaps
// or rest, and an index agrees with its shards in both directions.
//
// Writing is layout: Plan says where every byte of a file goes, as a function of
// names, types and shapes alone; the bytes themselves come from elsewhere.
//
// The package knows no other format and gives names no meaning. It does not
// judge values: NaN and infinities are read and laid out like any other.
package safetensors
