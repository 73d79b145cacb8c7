//go:build !purego

package twinhash

import "golang.org/x/sys/cpu"

var fast = cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && hasSHA()

// hasSHA asks the processor (leaf 7, EBX bit 29).
func hasSHA() bool

// blocksSHA takes n blocks at p into the state a, and as many at q into b; n is
// at least 1.
//
//go:noescape
func blocksSHA(a, b *[8]uint32, p, q *byte, n int)

// sharedSHA takes n blocks at p, at least one, into both states. What a message's
// words become in later rounds does not depend on the state, and is computed once.
//
//go:noescape
func sharedSHA(a, b *[8]uint32, p *byte, n int)

// blocks needs fast, n > 0, and n blocks in both p and q.
func blocks(a, b *[8]uint32, p, q []byte, n int) {
	blocksSHA(a, b, &p[:n*blockSize][0], &q[:n*blockSize][0], n)
}

// sharedBlocks needs fast, n > 0, and n blocks in p.
func sharedBlocks(a, b *[8]uint32, p []byte, n int) {
	sharedSHA(a, b, &p[:n*blockSize][0], n)
}
