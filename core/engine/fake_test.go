package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// fakeReader is a source in memory, cut into a chunk grid at will.
type fakeReader struct {
	man     *manifest.Manifest
	arrays  map[string]*array
	recheck error
	open    atomic.Int32 // streams not yet closed
	opened  atomic.Int32
	delay   func()
	corrupt string // streams of this parameter end early
	long    string // streams of this parameter have a byte too many
	broken  string // streams of this parameter end in a fault, after all elements
}

// array is a tensor in memory, C order, little-endian.
type array struct {
	dtype   tensor.DType
	shape   tensor.Shape
	data    []byte
	chunk   tensor.Shape // of the grid
	missing map[int]bool
	memory  int64
}

func newFake(arrays map[string]*array) *fakeReader {
	r := &fakeReader{man: &manifest.Manifest{Format: "fake"}, arrays: arrays}
	for name, a := range arrays {
		if a.chunk == nil {
			a.chunk = a.shape
		}
		if len(a.data) != a.shape.Elements()*a.dtype.Size() {
			panic("fake: size of " + name)
		}
		r.man.Tensors = append(r.man.Tensors, manifest.Tensor{Name: name, Path: []string{name}, DType: a.dtype, Shape: a.shape})
	}
	r.man.Sort()
	return r
}

func (r *fakeReader) Manifest() *manifest.Manifest { return r.man }
func (r *fakeReader) Recheck() error               { return r.recheck }
func (r *fakeReader) Close() error                 { return nil }

func (r *fakeReader) Chunks(name string) ([]store.Chunk, error) {
	a := r.arrays[name]
	var out []store.Chunk
	at := make([]int, len(a.shape))
	if a.shape.Elements() == 0 {
		return nil, nil
	}
	for {
		c := store.Chunk{Index: len(out), Memory: a.memory, Missing: a.missing[len(out)]}
		c.Region.Origin = append([]int{}, at...)
		for x := range at {
			c.Region.Shape = append(c.Region.Shape, min(a.chunk[x], a.shape[x]-at[x]))
		}
		out = append(out, c)
		x := len(at) - 1
		for ; x >= 0; x-- {
			if at[x] += a.chunk[x]; at[x] < a.shape[x] {
				break
			}
			at[x] = 0
		}
		if x < 0 {
			return out, nil
		}
	}
}

func (r *fakeReader) Open(ctx context.Context, name string, c store.Chunk) (io.ReadCloser, error) {
	a := r.arrays[name]
	size := a.dtype.Size()
	var buf bytes.Buffer
	strides := a.shape.Strides()
	var walk func(x, at int)
	walk = func(x, at int) {
		if x == len(a.shape) {
			buf.Write(a.data[at*size:][:size])
			return
		}
		for i := range c.Region.Shape[x] {
			walk(x+1, at+(c.Region.Origin[x]+i)*strides[x])
		}
	}
	walk(0, 0)
	if r.corrupt == name {
		buf.Truncate(buf.Len() - 1)
	}
	if r.long == name {
		buf.WriteByte(0)
	}
	r.open.Add(1)
	r.opened.Add(1)
	return &fakeStream{&buf, r, ctx, r.broken == name}, nil
}

type fakeStream struct {
	*bytes.Buffer
	r      *fakeReader
	ctx    context.Context
	broken bool
}

func (s *fakeStream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.r.delay != nil {
		s.r.delay()
	}
	n, err := s.Buffer.Read(p)
	if s.broken && err == io.EOF {
		err = fmt.Errorf("no checksum: %w: %w", io.EOF, store.ErrCorrupt)
	}
	return n, err
}

func (s *fakeStream) Close() error { s.r.open.Add(-1); return nil }

// memorySink collects outputs, and refuses to be written twice in a place.
type memorySink struct {
	t       *testing.T
	mu      sync.Mutex
	fresh   bool
	data    [][]byte
	written [][]bool
	writes  int
	fail    error
}

func newSink(t *testing.T, sizes []int, fresh bool) *memorySink {
	s := &memorySink{t: t, fresh: fresh}
	for _, n := range sizes {
		s.data = append(s.data, make([]byte, n))
		s.written = append(s.written, make([]bool, n))
		if !fresh {
			for i := range s.data[len(s.data)-1] {
				s.data[len(s.data)-1][i] = 0xa5
			}
		}
	}
	return s
}

func (s *memorySink) Fresh() bool { return s.fresh }

func (s *memorySink) WriteAt(i int, off int64, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.writes++
	for k := range p {
		if s.written[i][int(off)+k] {
			s.t.Errorf("byte %d of tensor %d is written twice", int(off)+k, i)
			return fmt.Errorf("written twice")
		}
		s.written[i][int(off)+k] = true
	}
	copy(s.data[i][off:], p)
	return nil
}

// randomArray has elements of the type's ordinary range.
func randomArray(rng *rand.Rand, d tensor.DType, shape, chunk tensor.Shape) *array {
	a := &array{dtype: d, shape: shape, chunk: chunk}
	for range shape.Elements() {
		a.data = append(a.data, randomElement(rng, d)...)
	}
	return a
}

func randomElement(rng *rand.Rand, d tensor.DType) []byte {
	v := float32(rng.NormFloat64())
	b := make([]byte, d.Size())
	switch d {
	case tensor.Float64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(rng.NormFloat64()))
	case tensor.Float32, tensor.BFloat16, tensor.Float16:
		must(tensor.EncodeFloat32(b, []float32{v}, d))
	case tensor.Float8E4M3FN:
		b[0] = byte(rng.IntN(0x70)) // not NaN
	default:
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
	}
	return b
}
