// Package twinhash computes two SHA-256 digests of one stream at a time: that
// of a file, and those of the tensors that lie in it one behind the other.
//
// Both take each byte, and a processor's SHA-256 instructions wait for one
// another for much of the time that one digest takes: two digests side by side
// fill the gaps. Where a part begins at a multiple of a block, both take the same
// blocks, and share what does not depend on the state. Where such instructions
// are not known, it is crypto/sha256 twice.
//
// It is for digests of what was just written and is to be told, not for
// anything that is secret.
package twinhash
