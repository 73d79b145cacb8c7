// Package blosc decodes containers of c-blosc 1, which zarr arrays may be
// compressed with; Orbax itself never asks for them. The layout follows
// c-blosc 1.21 (blosc/blosc.c, README_CHUNK_FORMAT.rst):
//
//	0   version of the format, u8: 2
//	1   version of the codec, u8
//	2   flags, u8: 1 byte shuffle, 2 stored as it is, 4 bit shuffle,
//	    16 blocks are not split, the upper three bits name the codec
//	3   element size, u8
//	4   decoded bytes, u32
//	8   decoded bytes of a block, u32
//	12  bytes of the container, u32
//	16  offset of every block, i32 each
//	    blocks, in any order
//
// all little-endian. A block is one stream, or element size many (one for each
// byte of an element); a stream is its length, i32, and its bytes, which are
// compressed unless there are as many as they decode to.
//
// A Reader decodes block after block; it holds two of them. Every length is
// checked, and the blocks must use up the container.
package blosc
