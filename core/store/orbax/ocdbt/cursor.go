package ocdbt

import (
	"encoding/binary"
	"fmt"

	"github.com/loraconv/loraconv/core/store"
)

// cursor reads the body of a manifest or node. Its first fault stays, and
// makes all later reads return zeros.
type cursor struct {
	data []byte
	pos  int
	err  error
}

func (c *cursor) left() int { return len(c.data) - c.pos }

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("byte %d of the decoded body: %w: %w", c.pos, fmt.Errorf(format, args...), store.ErrCorrupt)
	}
}

// done reports the first fault, or bytes that nothing asked for.
func (c *cursor) done() error {
	if c.err == nil && c.left() != 0 {
		c.fail("%d bytes more than the format has", c.left())
	}
	return c.err
}

func (c *cursor) bytes(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > c.left() {
		c.fail("%d bytes wanted, %d left", n, c.left())
		return nil
	}
	c.pos += n
	return c.data[c.pos-n : c.pos : c.pos]
}

func (c *cursor) u8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// varint reads an unsigned LEB128 number of at most width bits. Groups of
// zeros at the end are accepted, as TensorStore's decoder accepts them.
func (c *cursor) varint(width uint) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		if shift >= width {
			c.fail("number of more than %d bits", width)
			return 0
		}
		b := c.u8()
		if c.err != nil {
			return 0
		}
		group := uint64(b & 0x7f)
		if group<<shift>>shift != group || width < 64 && group<<shift>>width != 0 {
			c.fail("number of more than %d bits", width)
			return 0
		}
		v |= group << shift
		if b < 0x80 {
			return v
		}
	}
}

// size16 reads a path or key length.
func (c *cursor) size16() int {
	n := c.varint(32)
	if n > maxPath {
		c.fail("length %d of a path or key, at most %d is allowed", n, maxPath)
		return 0
	}
	return int(n)
}

// count reads a number of records of at least least bytes each, and checks
// that so many can follow.
func (c *cursor) count(width uint, least int) int {
	n := c.varint(width)
	if c.err == nil && n > uint64(c.left()/least) {
		c.fail("%d records of %d or more bytes announced, %d bytes left", n, least, c.left())
		return 0
	}
	return int(n)
}

// column reads n numbers with read. n has been checked by count.
func column[T any](c *cursor, n int, read func() T) []T {
	if c.err != nil {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		if out[i] = read(); c.err != nil {
			return nil
		}
	}
	return out
}

func (c *cursor) varints(n int) []uint64 {
	return column(c, n, func() uint64 { return c.varint(64) })
}

func (c *cursor) sizes16(n int) []int { return column(c, n, c.size16) }
