package twinhash

import (
	"crypto/sha256"
	"hash"
)

// Twin hashes a stream as a whole and in parts. A new one has seen nothing.
type Twin struct {
	whole, part  lane
	slow         bool // the two below do it
	slowW, slowP hash.Hash
}

// New makes a Twin.
func New() *Twin { return newTwin(!fast) }

func newTwin(slow bool) *Twin {
	t := &Twin{slow: slow}
	if slow {
		t.slowW, t.slowP = sha256.New(), sha256.New()
		return t
	}
	t.whole.reset()
	t.part.reset()
	return t
}

// Between takes bytes that belong to no part.
func (t *Twin) Between(p []byte) {
	if t.slow {
		t.slowW.Write(p)
		return
	}
	t.whole.write(p)
}

// Part takes bytes that belong to the current part, and so to the whole.
func (t *Twin) Part(p []byte) {
	if t.slow {
		t.slowW.Write(p)
		t.slowP.Write(p)
		return
	}
	// Each lane stands anywhere in a block of its own. Where a part begins at a
	// multiple of a block, as most tensors of a file do, the blocks are the same.
	a, b := t.whole.align(p), t.part.align(p)
	if n := min(len(a), len(b)) / blockSize; n > 0 {
		if len(a) == len(b) {
			sharedBlocks(&t.whole.h, &t.part.h, a, n)
		} else {
			blocks(&t.whole.h, &t.part.h, a, b, n)
		}
		t.whole.n += uint64(n * blockSize)
		t.part.n += uint64(n * blockSize)
		a, b = a[n*blockSize:], b[n*blockSize:]
	}
	t.whole.write(a)
	t.part.write(b)
}

// EndPart returns the digest of the current part, and begins the next.
func (t *Twin) EndPart() (sum [sha256.Size]byte) {
	if t.slow {
		t.slowP.Sum(sum[:0])
		t.slowP.Reset()
		return sum
	}
	sum = t.part.sum()
	t.part.reset()
	return sum
}

// Sum returns the digest of all bytes so far.
func (t *Twin) Sum() (sum [sha256.Size]byte) {
	if t.slow {
		t.slowW.Sum(sum[:0])
		return sum
	}
	return t.whole.sum()
}
