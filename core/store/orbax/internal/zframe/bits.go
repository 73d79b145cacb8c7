package zframe

import (
	"encoding/binary"
	"math/bits"
)

// backward reads a bit stream from its end: the last byte's highest 1 bit ends
// the stream, and the bits before it come first.
type backward struct {
	src  []byte
	at   int    // bytes of src that are not in acc
	acc  uint64 // the next bits, from the highest down; more than n may be right
	n    int    // bits of acc that count
	over bool   // more was read than there is; zeros came instead
}

func newBackward(src []byte) (backward, error) {
	if len(src) == 0 || src[len(src)-1] == 0 {
		return backward{}, corrupt("a bit stream without an end mark")
	}
	b := backward{src: src, at: len(src)}
	b.fill()
	b.read(bits.LeadingZeros8(src[len(src)-1]) + 1)
	return b, nil
}

// fill makes at least 56 bits available, as far as there are any.
func (b *backward) fill() {
	if b.at >= 8 {
		b.acc |= binary.LittleEndian.Uint64(b.src[b.at-8:]) >> b.n
		more := (63 - b.n) >> 3
		b.at -= more
		b.n += 8 * more
		return
	}
	for b.n <= 56 && b.at > 0 {
		b.at--
		b.acc |= uint64(b.src[b.at]) << (56 - b.n)
		b.n += 8
	}
}

// read takes k bits, at most what fill made available.
func (b *backward) read(k int) int {
	v := b.acc >> (64 - k)
	b.acc <<= k
	if b.n -= k; b.n < 0 {
		b.n, b.over = 0, true
	}
	return int(v)
}

// empty reports whether the stream was used up exactly.
func (b *backward) empty() bool { return !b.over && b.n == 0 && b.at == 0 }

// forward reads bits from the front, lowest first.
type forward struct {
	src []byte
	at  int // bits
}

func (f *forward) peek(k int) int {
	v, from := uint64(0), f.at>>3
	for i := range 4 {
		if from+i < len(f.src) {
			v |= uint64(f.src[from+i]) << (8 * i)
		}
	}
	return int(v>>(f.at&7)) & (1<<k - 1)
}

// bytes returns how many bytes were begun; more than there are if it was read
// beyond the end.
func (f *forward) bytes() int { return (f.at + 7) / 8 }
