package zframe

import (
	"encoding/binary"
	"math/bits"
)

const (
	maxCode    = 11  // bits of the longest code
	maxSymbols = 256 // bytes
	weightLog  = 6   // the most for a table of weights
)

// huffman is a code that is in use: codes[i] is what the code that begins with
// the bits i stands for, symbol<<8 | length.
type huffman struct {
	log   int // bits of the longest code; 0: there is no code yet
	codes [1 << maxCode]uint16

	weights [maxSymbols]uint8
	starts  [maxCode + 2]int // by weight: see build
	symbols int
	fse     fseTable
	pairs   pairTable
}

// read takes the description of a code (4.2.1) and returns its length.
func (h *huffman) read(src []byte) (int, error) {
	if len(src) == 0 {
		return 0, corrupt("no Huffman code")
	}
	h.log = 0
	n, size := int(src[0]), 0
	if n >= 128 {
		n -= 127
		size = 1 + (n+1)/2
		if len(src) < size {
			return 0, corrupt("a Huffman code of %d bytes, %d are left", size, len(src))
		}
		for i := range n {
			h.weights[i] = src[1+i/2] >> (4 - 4*(i&1)) & 15
		}
	} else {
		size = 1 + n
		if len(src) < size {
			return 0, corrupt("a Huffman code of %d bytes, %d are left", size, len(src))
		}
		var err error
		if n, err = h.readWeights(src[1:size]); err != nil {
			return 0, err
		}
	}
	return size, h.build(n)
}

// readWeights decodes weights that are compressed: two states in turn, until
// the bits are used up.
func (h *huffman) readWeights(src []byte) (int, error) {
	var counts [maxCode + 1]int16
	n, log, used, err := readCounts(src, counts[:], weightLog)
	if err != nil {
		return 0, err
	}
	if err := h.fse.build(counts[:n], log); err != nil {
		return 0, err
	}
	b, err := newBackward(src[used:])
	if err != nil {
		return 0, err
	}
	state := [2]int{b.read(log), b.read(log)}
	if b.over {
		return 0, corrupt("weights that end before they begin")
	}
	for i := 0; ; i++ {
		if i+1 >= maxSymbols-1 {
			return 0, corrupt("more than %d weights", maxSymbols-1)
		}
		s := &state[i&1]
		h.weights[i] = h.fse.entries[*s].symbol
		b.fill()
		left := b.n
		if *s = h.fse.step(*s, &b); !b.over {
			continue
		}
		if left > 0 {
			return 0, corrupt("weights that end within a state")
		}
		h.weights[i+1] = h.fse.entries[state[(i+1)&1]].symbol
		return i + 2, nil
	}
}

// build makes the codes from n weights. A symbol of weight w > 0 has a code of
// log+1-w bits; the last symbol's weight is what is missing to a full code.
//
//	weight 1 1 2 3   log 3:  000 001 01x 1xx
func (h *huffman) build(n int) error {
	var counts [maxCode + 2]int
	total := 0
	for _, w := range h.weights[:n] {
		if w > maxCode {
			return corrupt("a Huffman weight of %d", w)
		}
		counts[w]++
		total += 1 << w >> 1
	}
	if total == 0 {
		return corrupt("a Huffman code without symbols")
	}
	log := bits.Len(uint(total))
	left := 1<<log - total
	if log > maxCode || left&(left-1) != 0 {
		return corrupt("a Huffman code that does not add up")
	}
	last := bits.Len(uint(left))
	h.weights[n] = uint8(last)
	counts[last]++
	if counts[1] < 2 || counts[1]&1 != 0 {
		return corrupt("a Huffman code with %d longest codes", counts[1])
	}
	at := 0
	for w := 1; w <= log; w++ {
		h.starts[w] = at
		at += counts[w] << (w - 1)
	}
	next := h.starts
	for s, w := range h.weights[:n+1] {
		if w == 0 {
			continue
		}
		span := 1 << (w - 1)
		code := uint16(s<<8) | uint16(log+1-int(w))
		codes := h.codes[next[w]:][:span]
		for i := range codes {
			codes[i] = code
		}
		next[w] += span
	}
	h.log, h.symbols = log, n+1
	h.pairs.log = 0
	return nil
}

// decode1 decodes a stream to dst.
func (h *huffman) decode1(dst, src []byte) error {
	n, err := streamBits(src)
	if err != nil {
		return err
	}
	return h.finish(dst, src, n)
}

// streamBits returns the bits of a stream before its end mark.
func streamBits(src []byte) (int, error) {
	if len(src) == 0 || src[len(src)-1] == 0 {
		return 0, corrupt("a Huffman stream without an end mark")
	}
	return 8*len(src) - bits.LeadingZeros8(src[len(src)-1]) - 1, nil
}

// finish decodes the first n bits of src, from the last one backwards, to dst;
// they must be just as many.
func (h *huffman) finish(dst, src []byte, n int) error {
	for len(dst) > 0 {
		// 57 bits or more, from the highest down; zeros before the first.
		end := (n + 7) / 8
		var acc uint64
		if end >= 8 {
			acc = binary.LittleEndian.Uint64(src[end-8:])
		} else {
			for i := range end {
				acc |= uint64(src[i]) << (64 - 8*(end-i))
			}
		}
		acc <<= 8*end - n
		for range min(len(dst), 57/maxCode) {
			code := h.codes[acc>>(64-h.log)&(1<<maxCode-1)]
			dst[0] = byte(code >> 8)
			dst = dst[1:]
			acc <<= code & 63
			n -= int(code & 63)
		}
		if n < 0 {
			return corrupt("a Huffman stream that is too short")
		}
	}
	if n != 0 {
		return corrupt("a Huffman stream with %d bits too many", n)
	}
	return nil
}

// decode4 decodes four streams, behind a table of the lengths of the first
// three, to dst. Each of them makes a quarter of it, rounded up, and the last
// one the rest.
func (h *huffman) decode4(dst, src []byte) error {
	quarter := (len(dst) + 3) / 4
	if len(src) < 6+4 || len(dst) < 6 {
		return corrupt("four Huffman streams in %d bytes, for %d", len(src), len(dst))
	}
	var s [4]stream
	at, to := 6, 0
	for i := range s {
		size := len(src) - at
		if i < 3 {
			size = int(binary.LittleEndian.Uint16(src[2*i:]))
		}
		if size > len(src)-at {
			return corrupt("a Huffman stream of %d bytes, %d are left", size, len(src)-at)
		}
		n, err := streamBits(src[at : at+size])
		if err != nil {
			return err
		}
		end := to + quarter
		if i == 3 {
			end = len(dst)
		}
		s[i] = stream{from: at, bits: n, to: to, end: end}
		at, to = at+size, end
	}
	if hasPairs {
		h.decodePairs(dst, src, &s)
	}
	for i := range s {
		if err := h.finish(dst[s[i].to:s[i].end], src[s[i].from:], s[i].bits); err != nil {
			return err
		}
	}
	return nil
}

// stream is where one of four streams stands: bits of it, from byte from of
// the source on, are not decoded yet, and belong at dst[to:end].
type stream struct{ from, bits, to, end int }
