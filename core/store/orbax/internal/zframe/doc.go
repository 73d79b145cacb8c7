// Package zframe decodes a zstd frame (RFC 8878) as weights make them: nearly
// all of a block is literals, and there are few matches or none.
//
//	frame    header block block ... [checksum]
//	block    literals sequences
//	literals bytes as they are, one byte repeated, or a Huffman code in one
//	         stream or in four
//	sequence so many literals, then so many bytes from so far back
//
// It exists beside klauspost/compress/zstd because that decoder moves every
// byte three times more: out of the block, into its history, and out of it.
// Here a block is decoded to where the caller wants it, and only what a later
// block may look back to is kept. The Huffman streams are decoded two symbols
// at a time (pairs.go). Frames with many matches, with a checksum or with a
// large window are the other decoder's, and so are machines without the
// assembly: Suits says which frames are for this package.
//
// What is not promised: dictionaries, skippable frames, several frames in one
// stream. Every length is checked before it is believed; damage is an error
// that wraps ErrCorrupt, and what it refuses the other decoder refuses, too.
package zframe
