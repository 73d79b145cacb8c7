package twinhash

import (
	"crypto/sha256"
	"encoding/binary"
)

const blockSize = sha256.BlockSize

// lane is the state of one digest (FIPS 180-4, section 6.2).
type lane struct {
	h   [8]uint32
	n   uint64 // bytes so far
	buf [blockSize]byte
}

func (l *lane) reset() {
	*l = lane{h: [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}}
}

// align takes so much of p that the lane stands at the border of a block, or
// all of it, and returns the rest.
func (l *lane) align(p []byte) []byte {
	at := int(l.n % blockSize)
	if at == 0 {
		return p
	}
	k := copy(l.buf[at:], p)
	l.n += uint64(k)
	if at+k == blockSize {
		l.blocks(l.buf[:], 1)
	}
	return p[k:]
}

func (l *lane) write(p []byte) {
	p = l.align(p)
	if n := len(p) / blockSize; n > 0 {
		l.blocks(p, n)
		l.n += uint64(n * blockSize)
		p = p[n*blockSize:]
	}
	if len(p) > 0 {
		copy(l.buf[:], p)
		l.n += uint64(len(p))
	}
}

// blocks takes n blocks of p in this lane only: the other one's result is
// thrown away.
func (l *lane) blocks(p []byte, n int) {
	other := l.h
	sharedBlocks(&l.h, &other, p, n)
}

// sum pads as section 5.1.1 says; the lane goes on behind what it had.
func (l *lane) sum() (out [sha256.Size]byte) {
	c := *l
	var pad [2 * blockSize]byte
	pad[0] = 0x80
	n := blockSize - int(c.n%blockSize)
	if n < 9 {
		n += blockSize
	}
	binary.BigEndian.PutUint64(pad[n-8:], c.n*8)
	c.write(pad[:n])
	for i, x := range c.h {
		binary.BigEndian.PutUint32(out[4*i:], x)
	}
	return out
}
