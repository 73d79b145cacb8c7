// Package zarr reads the metadata and the chunks of zarr arrays, version 2
// (.zarray) and version 3 (zarr.json), as TensorStore's drivers "zarr" and
// "zarr3" write them: one array is cut into a grid of chunks, each stored under
// a key of its own; a chunk of a version 3 array may be a shard, which holds an
// index and a grid of smaller chunks (shard.go).
//
// The package knows neither files nor keys' places: it is given documents and
// Blobs. What is stored as one piece (a chunk, or the innermost chunk of a
// shard) is a leaf; Leaves lists those of a chunk and Open streams one, in C
// order of the array's own axes and little-endian, whatever the stored order
// and byte order are. A leaf that is stored in C order is never held in memory.
//
// Nothing is allocated from a declared size that was not checked before, and a
// stream that does not end exactly where the chunk's shape says is an error.
// Attributes and dimension names are ignored. Only core/store/orbax imports
// the package.
package zarr
