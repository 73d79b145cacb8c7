package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// vast is a source of real sizes whose elements are made as they are read: each
// is a function of its name and its index.
type vast struct {
	man    *manifest.Manifest
	chunks map[string]tensor.Shape
	memory int64
	read   atomic.Int64
}

func newVast() *vast {
	return &vast{man: &manifest.Manifest{Format: "vast"}, chunks: map[string]tensor.Shape{}, memory: 4 << 20}
}

func (v *vast) add(name string, d tensor.DType, shape, chunk tensor.Shape) {
	v.man.Tensors = append(v.man.Tensors, manifest.Tensor{Name: name, Path: []string{name}, DType: d, Shape: shape})
	v.man.Sort()
	if chunk == nil {
		chunk = shape
	}
	v.chunks[name] = chunk
}

func (v *vast) Manifest() *manifest.Manifest { return v.man }
func (v *vast) Recheck() error               { return nil }
func (v *vast) Close() error                 { return nil }

func (v *vast) Chunks(name string) ([]store.Chunk, error) {
	t := v.man.Lookup(name)
	f := &fakeReader{arrays: map[string]*array{name: {dtype: t.DType, shape: t.Shape, chunk: v.chunks[name], memory: v.memory}}}
	return f.Chunks(name)
}

// vastSeed tells names apart.
func vastSeed(name string) uint32 {
	n := uint32(2166136261)
	for _, c := range []byte(name) {
		n = (n ^ uint32(c)) * 16777619
	}
	return n
}

// vastValue is an element: a bfloat16 between 1/256 and 1/64, of either sign.
func vastValue(seed uint32, index int) uint16 {
	u := (uint32(index) ^ seed) * 2654435761
	return uint16(u>>16&0x8000 | 0x3b80 + u>>20&0xff)
}

func (v *vast) Open(_ context.Context, name string, c store.Chunk) (io.ReadCloser, error) {
	t := v.man.Lookup(name)
	s := &vastStream{v: v, shape: t.Shape, region: c.Region, size: t.DType.Size(), seed: vastSeed(name), at: make([]int, len(t.Shape))}
	return io.NopCloser(s), nil
}

type vastStream struct {
	v      *vast
	shape  tensor.Shape
	region tensor.Region
	size   int
	seed   uint32
	at     []int // of the next row
	row    []byte
	left   []byte
	done   bool
}

func (s *vastStream) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(s.left) == 0 && !s.next() {
			break
		}
		k := copy(p[n:], s.left)
		s.left = s.left[k:]
		n += k
	}
	s.v.read.Add(int64(n))
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next makes a row along the last axis.
func (s *vastStream) next() bool {
	if s.done {
		return false
	}
	last := len(s.shape) - 1
	flat := 0
	for x := range s.shape {
		flat = flat*s.shape[x] + s.region.Origin[x] + s.at[x]
	}
	n := s.region.Shape[last]
	if s.row == nil {
		s.row = make([]byte, n*s.size)
	}
	for i := range n {
		h := vastValue(s.seed, flat+i)
		if s.size == 2 {
			binary.LittleEndian.PutUint16(s.row[2*i:], h)
		} else {
			binary.LittleEndian.PutUint32(s.row[4*i:], uint32(h)<<16)
		}
	}
	s.left = s.row
	s.done = true
	for x := last - 1; x >= 0; x-- {
		if s.at[x]++; s.at[x] < s.region.Shape[x] {
			s.done = false
			break
		}
		s.at[x] = 0
	}
	return true
}

// scaleCase is one shape at its real size.
type scaleCase struct {
	name    string
	build   func(v *vast, l *lineup)
	passes  [2]int // at 256 MiB and at 1 GiB: how often a chunk is decoded at most
	scratch bool   // the adapters go to a scratch file, at both
}

// perLayer adds W[l], with its adapter if there is an einsum, for each of n
// layers on axis 1.
func perLayer(l *lineup, name string, n int, einsum, pattern string) {
	for i := range n {
		at := plan.At{Axis: 1, Pos: i}
		var x plan.Expr = src(name, at)
		if einsum != "" {
			x = &plan.Merge{Base: src(name, at), Terms: []plan.Term{{A: src(name+"_a", at), B: src(name+"_b", at), Einsum: einsum, Scale: 2}}}
		}
		l.plan.Tensors = append(l.plan.Tensors, plan.Tensor{Name: fmt.Sprintf("%s.%03d", name, i), DType: tensor.BFloat16,
			Expr: &plan.Rearrange{X: x, Pattern: pattern}})
	}
}

const bf16 = tensor.BFloat16

var scaleCases = []scaleCase{
	{
		name: "Llama 8B, layers on axis 1, chunks of 2 GiB",
		build: func(v *vast, l *lineup) {
			v.add("wi", bf16, tensor.Shape{4096, 32, 14336}, tensor.Shape{4096, 32, 7168})
			v.add("wi_a", bf16, tensor.Shape{4096, 32, 16}, nil)
			v.add("wi_b", bf16, tensor.Shape{16, 32, 14336}, nil)
			perLayer(l, "wi", 32, "d r, r f -> d f", "d f -> f d")
		},
		passes: [2]int{8, 2},
	},
	{
		name: "Llama 70B, rank 64",
		build: func(v *vast, l *lineup) {
			v.add("wi", bf16, tensor.Shape{8192, 80, 28672}, tensor.Shape{8192, 80, 896})
			v.add("wi_a", bf16, tensor.Shape{8192, 80, 64}, nil)
			v.add("wi_b", bf16, tensor.Shape{64, 80, 28672}, nil)
			perLayer(l, "wi", 80, "d r, r f -> d f", "d f -> f d")
		},
		passes:  [2]int{8, 2},
		scratch: true,
	},
	{
		name: "interleaved experts from two sources",
		build: func(v *vast, l *lineup) { // gpt-oss 20B, one layer
			g := func(n string) plan.Expr { return &plan.Rearrange{X: src(n), Pattern: "e d f -> e d f 1"} }
			for _, n := range []string{"w0", "w1"} {
				v.add(n, bf16, tensor.Shape{32, 2880, 2880}, nil)
			}
			l.plan.Tensors = append(l.plan.Tensors, plan.Tensor{Name: "gate_up", DType: bf16,
				Expr: &plan.Rearrange{X: &plan.Concat{Xs: []plan.Expr{g("w0"), g("w1")}, Axis: 3}, Pattern: "e d f s -> e d (f s)"}})
		},
		passes: [2]int{1, 1},
	},
	{
		name: "targets fed by several chunks",
		build: func(v *vast, l *lineup) { // pi0's gating_einsum in bfloat16
			v.add("w", bf16, tensor.Shape{18, 2, 2048, 16384}, tensor.Shape{18, 2, 2048, 8192})
			for i := range 18 {
				for k := range 2 {
					l.plan.Tensors = append(l.plan.Tensors, plan.Tensor{Name: fmt.Sprintf("w.%02d.%d", i, k), DType: bf16,
						Expr: &plan.Rearrange{X: src("w", plan.At{Axis: 0, Pos: i}, plan.At{Axis: 1, Pos: k}), Pattern: "d f -> f d"}})
				}
			}
		},
		passes: [2]int{1, 1},
	},
	{
		name: "a shard of many inner chunks",
		build: func(v *vast, l *lineup) { // as a fine grid: the reader lists inner chunks
			v.add("wi", bf16, tensor.Shape{4096, 32, 14336}, tensor.Shape{512, 32, 1024})
			perLayer(l, "wi", 32, "", "d f -> f d")
		},
		passes: [2]int{2, 1},
	},
}

func (c *scaleCase) lineup(t *testing.T) (*lineup, *vast) {
	v := newVast()
	l := &lineup{plan: &plan.Plan{Version: plan.Version, Sources: []string{"s"}}}
	c.build(v, l)
	for i := range l.plan.Tensors {
		x := &l.plan.Tensors[i]
		s, err := plan.Infer(x.Expr, plan.Manifests{"s": v.man})
		if err != nil {
			t.Fatal(err)
		}
		x.Shape = s
	}
	return l, v
}

// TestScale schedules what is hard at its real size.
func TestScale(t *testing.T) {
	for _, c := range scaleCases {
		t.Run(c.name, func(t *testing.T) {
			l, v := c.lineup(t)
			for i, memory := range []int64{256 << 20, 1 << 30} {
				r, err := Estimate(l.plan, map[string]store.Reader{"s": v}, memory, 2)
				if err != nil {
					t.Fatalf("%d MiB: %v", memory>>20, err)
				}
				t.Logf("%d MiB: %+v", memory>>20, r)
				if r.Passes > c.passes[i] {
					t.Errorf("%d MiB: a chunk is decoded %d times, wanted %d", memory>>20, r.Passes, c.passes[i])
				}
				if r.Scratch != c.scratch {
					t.Errorf("%d MiB: scratch file %v", memory>>20, r.Scratch)
				}
			}
		})
	}
}

// countingScratch counts what is read.
type countingScratch struct {
	memoryScratch
	read atomic.Int64
}

func (s *countingScratch) ReadAt(p []byte, off int64) (int, error) {
	s.read.Add(int64(len(p)))
	return s.memoryScratch.ReadAt(p, off)
}

// TestScratchReads: a chunk that holds a few columns of every layer reads those
// of B once, however many slabs it has, and not all layers' whole adapters for
// each slab.
func TestScratchReads(t *testing.T) {
	v := newVast()
	l := &lineup{plan: &plan.Plan{Version: plan.Version, Sources: []string{"s"}}}
	v.add("wi", bf16, tensor.Shape{2048, 16, 512}, tensor.Shape{2048, 16, 64})
	v.add("wi_a", bf16, tensor.Shape{2048, 16, 32}, nil)
	v.add("wi_b", bf16, tensor.Shape{32, 16, 512}, nil)
	perLayer(l, "wi", 16, "d r, r f -> d f", "d f -> f d")
	var sizes []int
	for i := range l.plan.Tensors {
		x := &l.plan.Tensors[i]
		x.Shape = tensor.Shape{512, 2048}
		sizes = append(sizes, 2*512*2048)
	}
	s := &countingScratch{}
	stats, err := Run(t.Context(), Job{
		Plan: l.plan, Sources: map[string]store.Reader{"s": v}, Sink: newSink(t, sizes, true), Workers: 1,
		budget: 12 << 20, slab: 64 << 10, Scratch: func() (Scratch, error) { return s, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !stats.Report.Scratch || stats.Report.Passes != 1 {
		t.Fatalf("%+v: wanted a scratch file and one pass", stats.Report)
	}
	// 8 chunks, each with all of A once, and an eighth of B.
	const a, b = 4 * 2048 * 16 * 32, 4 * 32 * 16 * 512
	if got := s.read.Load(); got > 8*a+b {
		t.Errorf("%d bytes read of adapters of %d, wanted %d at most", got, a+b, 8*a+b)
	}
}
