package blosc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader decodes a container.
type Reader struct {
	Header
	data   []byte
	block  int // the next one
	blocks int
	used   int    // bytes of the container that are accounted for
	out    []byte // decoded, not yet handed out
	buf    []byte
	tmp    []byte
}

// NewReader checks the container in data, which must end where the container
// does.
func NewReader(data []byte) (*Reader, error) {
	h, err := ParseHeader(data)
	if err != nil {
		return nil, err
	}
	if h.Stored != len(data) {
		return nil, fmt.Errorf("blosc container of %d bytes, found %d", h.Stored, len(data))
	}
	r := &Reader{Header: *h, data: data}
	if h.Flags&flagStored != 0 {
		if r.out = data[HeaderSize:]; len(r.out) != h.Size {
			return nil, fmt.Errorf("blosc container stores %d bytes, wanted %d", len(r.out), h.Size)
		}
		return r, nil
	}
	if h.Size == 0 {
		if len(data) != HeaderSize {
			return nil, errors.New("bytes in an empty blosc container")
		}
		return r, nil
	}
	r.blocks = (h.Size-1)/h.BlockSize + 1
	if r.blocks > (len(data)-HeaderSize)/4 {
		return nil, fmt.Errorf("blosc container of %d blocks in %d bytes", r.blocks, len(data))
	}
	r.used = HeaderSize + 4*r.blocks
	return r, nil
}

func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.block == r.blocks {
			if r.blocks > 0 && r.used != len(r.data) {
				return 0, fmt.Errorf("blocks of the blosc container use %d of its %d bytes", r.used, len(r.data))
			}
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, fmt.Errorf("blosc block %d: %w", r.block, err)
		}
		r.block++
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// next decodes one block into out.
func (r *Reader) next() error {
	size := r.BlockSize
	if r.block == r.blocks-1 {
		size = r.Size - r.block*r.BlockSize
	}
	if r.buf == nil {
		r.buf, r.tmp = make([]byte, size), make([]byte, size)
	}
	start := int(int32(binary.LittleEndian.Uint32(r.data[HeaderSize+4*r.block:])))
	if start < HeaderSize+4*r.blocks || start > len(r.data) {
		return fmt.Errorf("begins at byte %d of %d", start, len(r.data))
	}
	src, out := r.data[start:], r.buf[:size]
	splits := r.splits(size)
	part := size / splits
	if part*splits != size {
		return fmt.Errorf("%d bytes do not split into %d streams", size, splits)
	}
	for i := range splits {
		if len(src) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int(int32(binary.LittleEndian.Uint32(src)))
		if src = src[4:]; n < 0 || n > len(src) {
			return fmt.Errorf("stream of %d bytes, %d left", n, len(src))
		}
		if err := r.decompress(out[i*part:(i+1)*part], src[:n]); err != nil {
			return err
		}
		src = src[n:]
		r.used += 4 + n
	}
	r.out = r.unshuffle(out)
	return nil
}

// unshuffle undoes the shuffle of a block: c-blosc leaves alone what does not
// fill an element or, for bits, eight elements.
func (r *Reader) unshuffle(b []byte) []byte {
	t := r.TypeSize
	n := len(b) / t // elements
	switch {
	case r.Flags&flagShuffle != 0 && t > 1:
		out := r.tmp[:len(b)]
		for k := range t {
			for i, v := range b[k*n : (k+1)*n] {
				out[i*t+k] = v
			}
		}
		copy(out[n*t:], b[n*t:])
		return out
	case r.Flags&flagBitShuffle != 0 && n > 0 && n%8 == 0:
		out := r.tmp[:len(b)]
		clear(out)
		// Row j of the shuffled block holds bit j%8 of byte j/8 of all elements.
		for j := range 8 * t {
			row := b[j*n/8 : (j+1)*n/8]
			at, bit := j/8, byte(1)<<(j%8)
			for i, v := range row {
				for e := 0; v != 0; e, v = e+1, v>>1 {
					if v&1 != 0 {
						out[(8*i+e)*t+at] |= bit
					}
				}
			}
		}
		copy(out[n*t:], b[n*t:])
		return out
	default:
		return b
	}
}
