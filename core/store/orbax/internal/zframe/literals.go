package zframe

import "encoding/binary"

// literals is the header of a literals section (3.1.1.3.1.1): a type, two bits
// that say how long the header is, and one size or two.
type literals struct {
	kind    int
	streams int // 1 or 4 of Huffman codes
	head    int // bytes of the header
	stored  int // bytes behind it
	size    int // bytes that they make
}

func parseLiterals(b []byte) (literals, error) {
	var room [8]byte
	copy(room[:], b)
	v := binary.LittleEndian.Uint64(room[:])
	l := literals{kind: int(v & 3), streams: 4}
	format := int(v >> 2 & 3)
	if l.kind <= rleLiterals {
		switch format {
		case 1:
			l.head, l.size = 2, int(v>>4&(1<<12-1))
		case 3:
			l.head, l.size = 3, int(v>>4&(1<<20-1))
		default:
			l.head, l.size = 1, int(v>>3&(1<<5-1))
		}
		if l.stored = l.size; l.kind == rleLiterals {
			l.stored = 1
		}
	} else {
		width := [4]int{10, 10, 14, 18}[format]
		l.head = [4]int{3, 3, 4, 5}[format]
		l.size = int(v >> 4 & (1<<width - 1))
		l.stored = int(v >> (4 + width) & (1<<width - 1))
		if format == 0 {
			l.streams = 1
		}
	}
	if l.head > len(b) {
		return l, corrupt("a literals section that is cut short")
	}
	return l, nil
}

// decodeLiterals decodes what is stored behind the header l to dst, which is
// l.size bytes.
func (r *Reader) decodeLiterals(dst, stored []byte, l literals) error {
	switch l.kind {
	case rawLiterals:
		copy(dst, stored)
		return nil
	case rleLiterals:
		fill(dst, stored[0])
		return nil
	case codedLiterals:
		n, err := r.huffman.read(stored)
		if err != nil {
			return err
		}
		stored = stored[n:]
	case againLiterals:
		if r.huffman.log == 0 {
			return corrupt("literals in the code of an earlier block, and there was none")
		}
	}
	if l.streams == 1 {
		return r.huffman.decode1(dst, stored)
	}
	return r.huffman.decode4(dst, stored)
}
