package zarr

import (
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/tensor"
)

// elements turns stored elements into those that a reader hands out:
// little-endian, and checked where not every pattern of bits is a value.
func (a *Array) elements(r io.Reader) io.Reader {
	switch a.DType {
	case tensor.Bool:
		return &eachByte{r, func(b byte) (byte, error) {
			if b > 1 {
				return 0, corrupt("byte %#02x is no bool", b)
			}
			return b, nil
		}}
	case tensor.Int2:
		return &eachByte{r, func(b byte) (byte, error) { return b & 3, nil }}
	case tensor.Int4, tensor.Float4E2M1FN:
		return &eachByte{r, func(b byte) (byte, error) { return b & 15, nil }}
	}
	if size := component(a.DType); a.big && size > 1 {
		return &swap{src: r, size: size}
	}
	return r
}

// eachByte maps every byte. Types narrower than a byte are stored one element a
// byte, in the low bits; of the others TensorStore takes no notice. They are
// handed out as zeros, also for negative numbers, which is how ml_dtypes' arrays
// have them.
type eachByte struct {
	src io.Reader
	f   func(byte) (byte, error)
}

func (e *eachByte) Read(p []byte) (int, error) {
	n, err := e.src.Read(p)
	for i, b := range p[:n] {
		v, bad := e.f(b)
		if bad != nil {
			return i, bad
		}
		p[i] = v
	}
	return n, err
}

// swap reverses the bytes of every component of size bytes.
type swap struct {
	src  io.Reader
	size int
	buf  [32 << 10]byte
	out  []byte // swapped, not yet handed out
	err  error
}

func (s *swap) Read(p []byte) (int, error) {
	if len(s.out) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		n := 0
		for n < len(s.buf) && s.err == nil {
			var m int
			m, s.err = s.src.Read(s.buf[n:])
			n += m
		}
		s.out = s.buf[:n-n%s.size]
		for i := 0; i < len(s.out); i += s.size {
			slices.Reverse(s.out[i : i+s.size])
		}
		if len(s.out) == 0 {
			return 0, s.err
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}
