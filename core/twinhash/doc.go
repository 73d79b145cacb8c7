// Package twinhash computes two SHA-256 digests of one stream at a time: that
// of a file, and those of the tensors that lie in it one behind the other.
//
// Both take each byte, and a processor's SHA-256 instructions wait for one
// another for half of the time that one digest takes. Two digests side by side
// take no longer than one. Where such instructions are not known, it is
// crypto/sha256 twice.
//
// It is for digests of what was just written and is to be told, not for
// anything that is secret.
package twinhash
