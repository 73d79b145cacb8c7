package gen

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"

	"github.com/loraconv/loraconv/core/tensor"
)

// sigma is the spread of the weights: that of a trained model's large arrays.
const sigma = 0.02

// normal streams n weights from N(0, sigma²). What comes depends on the name
// and the position of the chunk only.
type normal struct {
	rng   *rand.Rand
	dtype tensor.DType
	left  int
	buf   []byte
	ready []byte
}

func newNormal(name string, origin []int, d tensor.DType, n int) io.Reader {
	h := fnv.New64a()
	h.Write([]byte(name))
	for _, o := range origin {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(o)))
	}
	return &normal{rng: rand.New(rand.NewPCG(h.Sum64(), 1)), dtype: d, left: n, buf: make([]byte, 0, 256<<10)}
}

// Read implements io.Reader.
func (r *normal) Read(p []byte) (int, error) {
	if len(r.ready) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.fill()
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

func (r *normal) fill() {
	size := r.dtype.Size()
	b := r.buf[:0]
	for range min(r.left, cap(r.buf)/size) {
		u := math.Float32bits(float32(r.rng.NormFloat64() * sigma))
		if size == 2 {
			b = binary.LittleEndian.AppendUint16(b, tensor.BF16FromFloat32(u))
		} else {
			b = binary.LittleEndian.AppendUint32(b, u)
		}
	}
	r.left -= len(b) / size
	r.buf, r.ready = b, b
}
