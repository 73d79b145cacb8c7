package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// lineup is a plan over one fake source named "s".
type lineup struct {
	plan   *plan.Plan
	source *fakeReader
}

func (l *lineup) job(sink Sink) Job {
	return Job{Plan: l.plan, Sources: map[string]store.Reader{"s": l.source}, Sink: sink, Workers: 2, Measure: true}
}

func (l *lineup) sizes() []int {
	var out []int
	for _, t := range l.plan.Tensors {
		out = append(out, t.Shape.Elements()*t.DType.Size())
	}
	return out
}

// add appends a target and infers its shape.
func (l *lineup) add(t *testing.T, d tensor.DType, x plan.Expr) {
	t.Helper()
	s, err := plan.Infer(x, plan.Manifests{"s": l.source.man})
	if err != nil {
		t.Fatalf("%s: %v", plan.String(x), err)
	}
	l.plan.Tensors = append(l.plan.Tensors, plan.Tensor{Name: fmt.Sprintf("t%02d", len(l.plan.Tensors)), DType: d, Shape: s, Expr: x})
}

func newLineup(arrays map[string]*array) *lineup {
	return &lineup{&plan.Plan{Version: plan.Version, Sources: []string{"s"}}, newFake(arrays)}
}

// check runs the plan in many ways and compares each byte with the oracle's.
func (l *lineup) check(t *testing.T) {
	t.Helper()
	var want [][]byte
	var measured []TensorStats
	for _, x := range l.plan.Tensors {
		v := oracle{"s": l.source}.eval(x.Expr)
		want = append(want, v.bytes(x.DType))
		measured = append(measured, v.measured(x.DType))
	}
	var first []TensorStats
	for i, way := range ways {
		sink := newSink(t, l.sizes(), i%2 == 0)
		job := l.job(sink)
		way.apply(&job)
		job.AllowNonFinite = func(string) bool { return true }
		scratch := &memoryScratch{}
		job.Scratch = func() (Scratch, error) { return scratch, nil }
		stats, err := Run(context.Background(), job)
		var refused *memoryError
		if errors.As(err, &refused) { // then the figure it gives must do
			job.budget += refused.need
			stats, err = Run(context.Background(), job)
		}
		if err != nil {
			t.Fatalf("%+v: %v", way, err)
		}
		for k := range want {
			if !bytes.Equal(sink.data[k], want[k]) {
				x := l.plan.Tensors[k]
				t.Fatalf("%+v: %s = %s %s of %v: wrong bytes, first at %d of %d", way, x.Name, plan.String(x.Expr), x.DType, x.Shape, firstDiff(sink.data[k], want[k]), len(want[k]))
			}
		}
		if first == nil {
			first = stats.Tensors
			near(t, l.plan, first, measured)
		} else if d := cmp.Diff(first, stats.Tensors); d != "" {
			t.Fatalf("%+v: stats differ: %s", way, d)
		}
		if n := l.source.open.Load(); n != 0 {
			t.Fatalf("%+v: %d streams are open", way, n)
		}
	}
}

// near compares what was measured with the oracle's figures. Both are float64
// sums, in another order.
func near(t *testing.T, p *plan.Plan, got, want []TensorStats) {
	t.Helper()
	for i := range want {
		for _, x := range []struct {
			what      string
			got, want float64
		}{
			{"drift", got[i].Drift, want[i].Drift}, {"base norm", got[i].BaseNorm, want[i].BaseNorm},
			{"delta norm", got[i].DeltaNorm, want[i].DeltaNorm}, {"retention", got[i].Retention, want[i].Retention},
		} {
			if !(math.Abs(x.got-x.want) <= 1e-9*math.Abs(x.want)+1e-13) {
				t.Errorf("%s = %s: %s %v, wanted %v", p.Tensors[i].Name, plan.String(p.Tensors[i].Expr), x.what, x.got, x.want)
			}
		}
	}
}

func firstDiff(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// way is one way of running a job that must not matter.
type way struct {
	workers, slab int
	budget        int64 // for groups and operands; 0: plenty
}

func (w way) apply(j *Job) {
	j.Workers, j.slab, j.budget = w.workers, w.slab, w.budget
	j.Memory = 1 << 30
}

var ways = []way{
	{1, 0, 0}, {2, 0, 0}, {7, 0, 0},
	{1, 1024, 0}, {2, 1024, 0}, {7, 1500, 0}, {2, 4096, 0},
	{1, 1024, 40 << 10}, {2, 1024, 60 << 10}, {3, 2048, 300 << 10},
}

type memoryScratch struct {
	mu   sync.Mutex
	data []byte
}

func (s *memoryScratch) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copy(p, s.data[off:]), nil
}

func (s *memoryScratch) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if need := int(off) + len(p); need > len(s.data) {
		s.data = append(s.data, make([]byte, need-len(s.data))...)
	}
	return copy(s.data[off:], p), nil
}

func (s *memoryScratch) Close() error { return nil }

func src(name string, at ...plan.At) *plan.Source {
	return &plan.Source{From: "s", Name: name, Index: at}
}

func TestHardShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	arr := func(d tensor.DType, shape, chunk tensor.Shape) *array { return randomArray(rng, d, shape, chunk) }
	bf, f32, f16 := tensor.BFloat16, tensor.Float32, tensor.Float16

	t.Run("transposed per layer", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(bf, tensor.Shape{3, 2, 40, 70}, tensor.Shape{3, 2, 40, 35}),
			"a": arr(f32, tensor.Shape{3, 2, 40, 4}, nil),
			"b": arr(f32, tensor.Shape{3, 2, 4, 70}, tensor.Shape{2, 1, 4, 20}),
		})
		for i := range 3 {
			for k := range 2 {
				at := []plan.At{{Axis: 0, Pos: i}, {Axis: 1, Pos: k}}
				m := &plan.Merge{Base: src("w", at...), Terms: []plan.Term{{A: src("a", at...), B: src("b", at...), Einsum: "d r, r f -> d f", Scale: 0.37}}}
				l.add(t, []tensor.DType{bf, f32}[k], &plan.Rearrange{X: m, Pattern: "d f -> f d"})
			}
		}
		l.check(t)
	})
	t.Run("one-sided sum", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(bf, tensor.Shape{3, 8, 6, 20}, tensor.Shape{1, 3, 6, 20}),
			"a": arr(bf, tensor.Shape{3, 8, 6, 5}, nil),
			"b": arr(f32, tensor.Shape{3, 8, 5, 20}, nil),
		})
		for i := range 3 {
			at := plan.At{Axis: 0, Pos: i}
			m := &plan.Merge{Base: src("w", at), Terms: []plan.Term{{A: src("a", at), B: src("b", at), Einsum: "n h r, m r d -> n h d", Scale: 1}}}
			l.add(t, f32, &plan.Rearrange{X: m, Pattern: "n h d -> d (n h)"})
		}
		l.check(t)
	})
	t.Run("layer axis inside", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(f32, tensor.Shape{64, 5, 96}, tensor.Shape{32, 5, 96}),
			"a": arr(f32, tensor.Shape{64, 5, 3}, nil),
			"b": arr(f32, tensor.Shape{3, 5, 96}, nil),
		})
		for i := range 5 {
			at := plan.At{Axis: 1, Pos: i}
			m := &plan.Merge{Base: src("w", at), Terms: []plan.Term{{A: src("a", at), B: src("b", at), Einsum: "i r, r o -> i o", Scale: 2}}}
			l.add(t, bf, &plan.Rearrange{X: m, Pattern: "i o -> o i"})
		}
		l.check(t)
	})
	t.Run("interleaved", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w0": arr(bf, tensor.Shape{4, 30, 50}, tensor.Shape{2, 30, 50}),
			"w1": arr(bf, tensor.Shape{4, 30, 50}, tensor.Shape{2, 30, 25}),
		})
		g := func(n string) plan.Expr { return &plan.Rearrange{X: src(n), Pattern: "e d f -> e d f 1"} }
		l.add(t, bf, &plan.Rearrange{X: &plan.Concat{Xs: []plan.Expr{g("w0"), g("w1")}, Axis: 3}, Pattern: "e d f s -> e d (f s)"})
		l.check(t)
	})
	t.Run("grid", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(f32, tensor.Shape{50, 3, 60}, tensor.Shape{13, 3, 17}),
			"b": arr(f16, tensor.Shape{100}, tensor.Shape{7}),
		})
		for i := range 3 {
			l.add(t, bf, &plan.Rearrange{X: src("w", plan.At{Axis: 1, Pos: i}), Pattern: "d f -> f d"})
		}
		l.add(t, f32, src("b"))
		l.check(t)
	})
	t.Run("rotary", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(f32, tensor.Shape{48, 4, 16}, tensor.Shape{48, 3, 10}),
			"a": arr(f32, tensor.Shape{48, 4}, nil),
			"b": arr(f32, tensor.Shape{4, 64}, nil),
		})
		m := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "d r, r (n h) -> d n h", Scale: 0.5}}}
		l.add(t, bf, &plan.Rearrange{X: &plan.Affine{X: m, Mul: 4}, Pattern: "d n (half two) -> (n two half) d", Sizes: map[string]int{"two": 2}})
		l.add(t, f32, m)
		l.check(t)
	})
	t.Run("fused and split", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"q": arr(bf, tensor.Shape{24, 32}, nil), "k": arr(f32, tensor.Shape{24, 8}, tensor.Shape{5, 8}),
			"qkv": arr(bf, tensor.Shape{24, 3, 20}, tensor.Shape{24, 2, 20}),
			"a":   arr(bf, tensor.Shape{24, 2}, nil), "b": arr(bf, tensor.Shape{2, 3, 20}, nil),
		})
		l.add(t, f32, &plan.Concat{Xs: []plan.Expr{src("q"), src("k"), &plan.Fill{Shape: tensor.Shape{24, 3}, Value: 0}}, Axis: 1})
		l.add(t, f32, &plan.Concat{Xs: []plan.Expr{src("q"), src("q"), &plan.Fill{Shape: tensor.Shape{1, 32}, Value: 1.5}}, Axis: 0})
		m := &plan.Merge{Base: src("qkv"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "d r, r g h -> d g h", Scale: 3}}}
		flat := &plan.Rearrange{X: m, Pattern: "d g h -> (g h) d"}
		l.add(t, bf, &plan.Slice{X: flat, Axis: 0, Start: 0, Size: 33})
		l.add(t, bf, &plan.Affine{X: &plan.Slice{X: flat, Axis: 0, Start: 33, Size: 27}, Div: 3, Add: 1})
		l.check(t)
	})
	t.Run("many rows and few columns of an adapter", func(t *testing.T) { // in a scratch file: parts of both operands
		l := newLineup(map[string]*array{
			"w": arr(bf, tensor.Shape{30_000, 2, 6}, tensor.Shape{17_000, 2, 4}),
			"a": arr(f32, tensor.Shape{30_000, 2, 2}, nil), "b": arr(f32, tensor.Shape{2, 2, 6}, nil),
		})
		for i := range 2 {
			at := plan.At{Axis: 1, Pos: i}
			m := &plan.Merge{Base: src("w", at), Terms: []plan.Term{{A: src("a", at), B: src("b", at), Einsum: "d r, r f -> d f", Scale: 0.1}}}
			l.add(t, bf, &plan.Rearrange{X: m, Pattern: "d f -> f d"})
		}
		l.check(t)
	})
	t.Run("wide rows", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(f32, tensor.Shape{3, 5, 1000}, tensor.Shape{2, 5, 700}),
			"a": arr(f32, tensor.Shape{3, 5, 2}, nil), "b": arr(f32, tensor.Shape{2, 1000}, nil),
		})
		for i := range 3 {
			at := plan.At{Axis: 0, Pos: i}
			m := &plan.Merge{Base: src("w", at), Terms: []plan.Term{{A: src("a", at), B: src("b"), Einsum: "d r, r f -> d f", Scale: 0.1}}}
			l.add(t, bf, m)
			l.add(t, f32, &plan.Rearrange{X: m, Pattern: "d f -> f d"})
		}
		l.check(t)
	})
	t.Run("measures of many rows", func(t *testing.T) { // so many that a sum in another order shows
		l := newLineup(map[string]*array{
			"w": arr(f32, tensor.Shape{60, 1000}, nil), "a": arr(f32, tensor.Shape{60, 2}, nil), "b": arr(f32, tensor.Shape{2, 1000}, nil),
		})
		for i := range 60 {
			at := plan.At{Axis: 0, Pos: i}
			l.add(t, bf, &plan.Merge{Base: src("w", at), Terms: []plan.Term{{A: src("a", at), B: src("b"), Einsum: "r, r f -> f", Scale: 0.1}}})
		}
		l.check(t)
	})
	t.Run("many tiles", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"w": arr(bf, tensor.Shape{300, 700}, nil), "c": arr(bf, tensor.Shape{400, 300}, tensor.Shape{400, 299}),
			"a": arr(f32, tensor.Shape{300, 1}, nil), "b": arr(f32, tensor.Shape{1, 700}, nil),
		})
		m := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "d r, r f -> d f", Scale: 0.1}}}
		l.add(t, f32, &plan.Rearrange{X: m, Pattern: "d f -> f d"})
		l.add(t, f32, &plan.Concat{Xs: []plan.Expr{src("c"), &plan.Fill{Shape: tensor.Shape{300, 300}, Value: 1.5}}, Axis: 0})
		l.check(t)
	})
	t.Run("no arithmetic", func(t *testing.T) {
		l := newLineup(map[string]*array{
			"i": arr(tensor.Int32, tensor.Shape{6, 7}, tensor.Shape{4, 7}), "u": arr(tensor.Bool, tensor.Shape{5}, nil),
			"d": arr(tensor.Float64, tensor.Shape{8, 9}, tensor.Shape{3, 4}), "f8": arr(tensor.Float8E4M3FN, tensor.Shape{30}, nil),
			"scalar": arr(f32, tensor.Shape{}, nil), "empty": arr(f32, tensor.Shape{0, 4}, nil), "c": arr(tensor.Complex64, tensor.Shape{3, 5}, nil),
		})
		l.add(t, tensor.Int32, &plan.Rearrange{X: src("i"), Pattern: "a b -> b a"})
		l.add(t, tensor.Bool, src("u"))
		l.add(t, bf, &plan.Rearrange{X: src("d"), Pattern: "a b -> b a"})
		l.add(t, tensor.Float64, src("d"))
		l.add(t, f32, src("f8"))
		l.add(t, bf, src("scalar"))
		l.add(t, f32, src("empty"))
		l.add(t, tensor.Complex64, &plan.Rearrange{X: src("c"), Pattern: "a b -> b a"})
		l.check(t)
	})
}

// placedSink checks that runs which are worth it lie in memory as they will in
// their file.
type placedSink struct {
	*memorySink
	aligned atomic.Int64 // bytes
}

func (s *placedSink) Phase(i int) int { return (1000*i + 40) % Page }

func (s *placedSink) WriteAt(i int, off int64, p []byte) error {
	if at := uintptr(unsafe.Pointer(&p[0])); len(p) >= longRun && (at-uintptr(off)-uintptr(s.Phase(i)))%Page == 0 {
		s.aligned.Add(int64(len(p)))
	}
	return s.memorySink.WriteAt(i, off, p)
}

func TestPlaced(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	l := newLineup(map[string]*array{"w": randomArray(rng, tensor.BFloat16, tensor.Shape{3, 300, 1000}, nil)})
	for i := range 3 {
		l.add(t, tensor.BFloat16, &plan.Rearrange{X: src("w", plan.At{Axis: 0, Pos: i}), Pattern: "d f -> f d"})
	}
	for _, way := range []way{{1, 0, 0}, {2, 4096, 0}} {
		sink := &placedSink{memorySink: newSink(t, l.sizes(), true)}
		job := l.job(sink)
		way.apply(&job)
		if _, err := Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		for i, x := range l.plan.Tensors {
			if want := (oracle{"s": l.source}).eval(x.Expr).bytes(x.DType); !bytes.Equal(sink.data[i], want) {
				t.Errorf("%s differs", x.Name)
			}
		}
		if got := sink.aligned.Load(); got != 3*300*1000*2 {
			t.Errorf("%d bytes lie as in the file, wanted all %d", got, 3*300*1000*2)
		}
	}
}

// TestManyWorkers: how many workers there is room for is not found by trying
// every number down from a wrong one.
func TestManyWorkers(t *testing.T) {
	l := newLineup(map[string]*array{"w": {dtype: tensor.BFloat16, shape: tensor.Shape{4096, 8, 64}, data: make([]byte, 4<<20)}})
	l.add(t, tensor.BFloat16, &plan.Rearrange{X: src("w", plan.At{Axis: 1, Pos: 0}), Pattern: "i o -> o i"})
	for _, memory := range []int64{128 << 20, 1 << 30} {
		done := make(chan Report, 1)
		go func() {
			r, err := Estimate(l.plan, map[string]store.Reader{"s": l.source}, memory, 1<<30)
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		select {
		case r := <-done:
			if most := int((memory - reserve) / perWorker); r.Workers > most || r.Workers < most*3/4 {
				t.Errorf("%d bytes: %d workers, wanted a little less than %d", memory, r.Workers, most)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d bytes: no schedule after 20 seconds", memory)
		}
	}
}
