//go:build !purego

package zframe

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hasPairs reports whether there are the instructions for decodePairs. It is
// a variable for tests.
var hasPairs = cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// lookups is how many lookups the assembly makes of each stream before it
// takes new bits: 7 bits that were used of the first byte, and those of all
// lookups, leave one of 64 for the mark.
const lookups = 4

// pairState is what the assembly works on. The bits of a stream are the eight
// bytes at from, those that are used shifted out, and a 1 in the last place
// that moves up with them: so it counts them.
type pairState struct {
	table *uint64
	bits  [4]uint64
	from  [4]int // in src
	to    [4]int // in dst
}

// pairs4 does n rounds of lookups in each of the four streams. A round takes up
// to 6 bytes of src from before each from, and writes up to 8 bytes of dst from
// each to on; neither is checked.
//
//go:noescape
func pairs4(s *pairState, dst, src *byte, n int)

// decodePairs decodes as much of the four streams as can be done without a look
// at their ends, and moves s on.
func (h *huffman) decodePairs(dst, src []byte, s *[4]stream) {
	for i := range s {
		if s[i].bits < 64 {
			return
		}
	}
	if h.pairs.log == 0 {
		h.buildPairs()
	}
	p := pairState{table: &h.pairs.entries[0]}
	for i := range s {
		p.set(i, src, &s[i])
	}
	for {
		n := len(dst)
		for i := range s {
			n = min(n, (p.from[i]-s[i].from)/8, (s[i].end-p.to[i])/(2*lookups))
		}
		if n == 0 {
			break
		}
		pairs4(&p, &dst[0], &src[0], n)
	}
	for i := range s {
		p.get(i, &s[i])
	}
}

// set begins stream i where t stands, which has 64 bits at least.
func (p *pairState) set(i int, src []byte, t *stream) {
	end := t.from + (t.bits+7)/8
	p.from[i], p.to[i] = end-8, t.to
	p.bits[i] = (binary.LittleEndian.Uint64(src[end-8:]) | 1) << (8*(end-t.from) - t.bits)
}

// get moves t to where stream i stands.
func (p *pairState) get(i int, t *stream) {
	t.bits = 8*(p.from[i]+8-t.from) - bits.TrailingZeros64(p.bits[i])
	t.to = p.to[i]
}
