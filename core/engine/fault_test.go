package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

func f32s(v ...float32) []byte {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// smallMerge is w [4, 6] + a [4, 2] b [2, 6] as t00, transposed, in the given
// type, and n [3] as t01, in bfloat16.
func smallMerge(t *testing.T, d tensor.DType, change func(arrays map[string]*array)) *lineup {
	rng := rand.New(rand.NewPCG(3, 4))
	arrays := map[string]*array{
		"w": randomArray(rng, tensor.Float32, tensor.Shape{4, 6}, tensor.Shape{2, 6}),
		"a": randomArray(rng, tensor.Float32, tensor.Shape{4, 2}, nil),
		"b": randomArray(rng, tensor.Float32, tensor.Shape{2, 6}, nil),
		"n": randomArray(rng, tensor.Float32, tensor.Shape{3}, tensor.Shape{1}),
	}
	if change != nil {
		change(arrays)
	}
	l := newLineup(arrays)
	m := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "i r, r o -> i o", Scale: 1}}}
	l.add(t, d, &plan.Rearrange{X: m, Pattern: "i o -> o i"})
	l.add(t, tensor.BFloat16, src("n"))
	return l
}

func put(a *array, i int, v float32) { copy(a.data[4*i:], f32s(v)) }

func TestFaults(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, tt := range []struct {
		name  string
		dtype tensor.DType
		make  func(map[string]*array)
		spoil func(*lineup, *Job, *memorySink)
		want  []string // class, code, tensor and words of each diagnostic
	}{
		{name: "none"},
		{name: "base holds NaN", make: func(m map[string]*array) { put(m["w"], 8, nan); put(m["w"], 7, inf) },
			want: []string{"4 nonfinite t00: w in source \"s\"|2 NaN or infinite|[1 1]"}},
		{name: "copied value is infinite", make: func(m map[string]*array) { put(m["n"], 2, -inf) },
			want: []string{"4 nonfinite t01: n in source \"s\"|1 NaN or infinite|[2]"}},
		{name: "adapter holds NaN", make: func(m map[string]*array) { put(m["b"], 7, nan) },
			want: []string{"4 nonfinite t00: b in source \"s\"|[1 1]"}},
		{name: "arithmetic overflows", make: func(m map[string]*array) { put(m["a"], 0, 3e38); put(m["b"], 0, 3e38); put(m["a"], 1, 0) },
			want: []string{"4 nonfinite t00: computed from w|list the target in allow_nonfinite"}},
		{name: "narrowing overflows", dtype: tensor.Float16, make: func(m map[string]*array) { put(m["w"], 3, 1e6) },
			want: []string{"10 overflow t00: w in source \"s\"|1 finite values are infinite as float16|[0 3]"}},
		{name: "copy overflows", make: func(m map[string]*array) { put(m["n"], 0, math.MaxFloat32) },
			want: []string{"10 overflow t01: n in source \"s\"|bfloat16|[0]"}},
		{name: "late in a copy", make: func(m map[string]*array) {
			m["n"] = &array{dtype: tensor.BFloat16, shape: tensor.Shape{3000}, data: make([]byte, 6000)}
			m["n"].data[5999], m["n"].data[5998] = 0x7f, 0x81
		}, spoil: func(_ *lineup, j *Job, _ *memorySink) { j.slab = 1024 },
			want: []string{"4 nonfinite t01: n in source \"s\"|1 NaN or infinite|[2999]"}},
		{name: "all at once", make: func(m map[string]*array) { put(m["n"], 0, nan); put(m["w"], 0, nan) },
			want: []string{"4 nonfinite t00: w in", "4 nonfinite t01: n in"}},
		{name: "allowed by name", make: func(m map[string]*array) { put(m["n"], 0, nan); put(m["w"], 0, nan); put(m["b"], 3, inf) },
			spoil: func(_ *lineup, j *Job, _ *memorySink) { j.AllowNonFinite = func(string) bool { return true } }},
		{name: "one allowed", make: func(m map[string]*array) { put(m["n"], 0, nan); put(m["w"], 0, nan) },
			spoil: func(_ *lineup, j *Job, _ *memorySink) { j.AllowNonFinite = func(n string) bool { return n == "t00" } },
			want:  []string{"4 nonfinite t01: n in"}},
		{name: "missing chunks", make: func(m map[string]*array) {
			m["n"].missing = map[int]bool{1: true, 2: true}
			m["a"].missing = map[int]bool{0: true}
		},
			want: []string{"4 chunks-missing a: 1 of 1", "4 chunks-missing n: 2 of 3|missing_chunks"}},
		{name: "missing chunks are filled", make: func(m map[string]*array) { m["n"].missing = map[int]bool{1: true} },
			spoil: func(_ *lineup, j *Job, _ *memorySink) { j.FillMissing = true }},
		{name: "stream ends early", spoil: func(l *lineup, _ *Job, _ *memorySink) { l.source.corrupt = "w" },
			want: []string{"4 source-corrupt w: w in source \"s\"|ends before the last element"}},
		{name: "stream goes on", spoil: func(l *lineup, _ *Job, _ *memorySink) { l.source.long = "a" },
			want: []string{"4 source-corrupt a: a in source \"s\"|goes on"}},
		{name: "stream's end is broken", spoil: func(l *lineup, _ *Job, _ *memorySink) { l.source.broken = "n" },
			want: []string{"4 source-corrupt n: n in source \"s\"|no checksum"}},
		{name: "disk full", spoil: func(_ *lineup, _ *Job, s *memorySink) { s.fail = syscall.ENOSPC },
			want: []string{"7 write-failed t0"}},
		{name: "source changed", spoil: func(l *lineup, _ *Job, _ *memorySink) { l.source.recheck = store.ErrChanged },
			want: []string{"5 source-changed : source \"s\"|run again"}},
		{name: "no scratch", spoil: func(_ *lineup, j *Job, _ *memorySink) { j.budget, j.slab = 200, 1024 },
			want: []string{"7 scratch-failed : no place|make room"}},
		{name: "no memory", spoil: func(_ *lineup, j *Job, _ *memorySink) { j.budget, j.slab = 90, 1024 },
			want: []string{"64 memory-too-small b: would do"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, workers := range []int{1, 2} {
				d := tt.dtype
				if d == tensor.Invalid {
					d = tensor.BFloat16
				}
				l := smallMerge(t, d, tt.make)
				sink := newSink(t, l.sizes(), true)
				job := l.job(sink)
				job.Workers = workers
				if tt.spoil != nil {
					tt.spoil(l, &job, sink)
				}
				_, err := Run(context.Background(), job)
				judge(t, err, tt.want)
				if n := l.source.open.Load(); n != 0 {
					t.Errorf("%d streams are open", n)
				}
			}
		})
	}
}

// judge compares the diagnostics of err with lines of
// "exit code tensor: word|word".
func judge(t *testing.T, err error, want []string) {
	t.Helper()
	var got diag.List
	if l, ok := err.(diag.List); ok {
		got = l
	} else if err != nil {
		var d *diag.Diagnostic
		if !errors.As(err, &d) {
			t.Fatalf("%v is no diagnostic", err)
		}
		got = diag.List{d}
	}
	if len(got) != len(want) {
		t.Fatalf("%d diagnostics, wanted %d: %v", len(got), len(want), err)
	}
	for i, d := range got {
		head, words, _ := strings.Cut(want[i], ": ")
		text := fmt.Sprintf("%d %s %s", d.Class.ExitCode(), d.Code, d.Tensor)
		if !strings.HasPrefix(text, head) || head[len(head)-1] != '0' && text != head {
			t.Errorf("diagnostic %d is %q, wanted %q", i, text, head)
		}
		for _, w := range strings.Split(words, "|") {
			if !strings.Contains(d.Error(), w) {
				t.Errorf("diagnostic %d %q does not say %q", i, d.Error(), w)
			}
		}
	}
}

func TestStats(t *testing.T) {
	l := smallMerge(t, tensor.BFloat16, func(m map[string]*array) {
		m["n"].missing = map[int]bool{1: true}
		put(m["n"], 0, 1)
		put(m["n"], 1, 1+1.0/512) // half way between two bfloat16 numbers
		put(m["n"], 2, float32(math.NaN()))
		for i := range 24 {
			put(m["w"], i, float32(i))
		}
		copy(m["a"].data, f32s(1, 0, 0, 1, 2, 0, 0, 0))
		copy(m["b"].data, f32s(1, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0))
	})
	job := l.job(newSink(t, l.sizes(), true))
	job.FillMissing, job.AllowNonFinite, job.Progress = true, func(string) bool { return true }, new(Progress)
	s, err := Run(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	// ab: six ones, one two, six twos.
	want := []TensorStats{{BaseNorm: math.Sqrt(23 * 24 * 47 / 6), DeltaNorm: math.Sqrt(6 + 4 + 24), Retention: 1}, {NonFinite: 1, Drift: 1.0 / 512, Retention: 1}}
	if d := cmp.Diff(want, s.Tensors); d != "" {
		t.Error(d)
	}
	if s.Chunks != 2+1+1+3 || s.Missing != 1 {
		t.Errorf("%d chunks, %d missing", s.Chunks, s.Missing)
	}
	p := job.Progress
	if r, a, w, all := p.Read.Load(), p.ReadAll.Load(), p.Written.Load(), p.All.Load(); r != a || r != 4*(24+8+12+3) || w != all || w != 2*27 {
		t.Errorf("read %d of %d, written %d of %d", r, a, w, all)
	}
}

func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, workers := range []int{1, 2, 7} {
		for after := range 4 {
			l := smallMerge(t, tensor.BFloat16, nil)
			job := l.job(newSink(t, l.sizes(), true))
			job.Workers, job.slab = workers, 1024
			ctx, stop := context.WithCancel(context.Background())
			tiles := make(chan struct{}, 100)
			job.Tile = func(ctx context.Context) error {
				tiles <- struct{}{}
				if len(tiles) > after {
					stop()
					<-ctx.Done()
				}
				return nil
			}
			start := time.Now()
			_, err := Run(ctx, job)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%d workers: error %v", workers, err)
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("%d workers: stopped after %v", workers, d)
			}
			if n := l.source.open.Load(); n != 0 {
				t.Errorf("%d streams are open", n)
			}
			stop()
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i > 100 {
			buf := make([]byte, 1<<16)
			t.Fatalf("goroutines are left: %s", buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// quitter is a sink whose first write ends the run.
type quitter struct {
	*memorySink
	stop  context.CancelFunc
	calls int
}

func (s *quitter) WriteAt(i int, off int64, p []byte) error {
	s.calls++
	s.stop()
	return s.memorySink.WriteAt(i, off, p)
}

// TestCancelWithinAWindow: a window of many runs, or a constant, is not written
// to its end when nobody waits for it.
func TestCancelWithinAWindow(t *testing.T) {
	for name, x := range map[string]plan.Expr{
		"runs":     &plan.Concat{Xs: []plan.Expr{src("w"), src("v")}, Axis: 1},
		"constant": &plan.Fill{Shape: tensor.Shape{1 << 20}, Value: 1},
	} {
		rng := rand.New(rand.NewPCG(3, 4))
		l := newLineup(map[string]*array{
			"w": randomArray(rng, tensor.Float32, tensor.Shape{64, 2048}, nil),
			"v": randomArray(rng, tensor.Float32, tensor.Shape{64, 2048}, nil),
		})
		l.add(t, tensor.Float32, x)
		ctx, stop := context.WithCancel(t.Context())
		sink := &quitter{memorySink: newSink(t, l.sizes(), true), stop: stop}
		job := l.job(sink)
		job.Workers = 1
		if _, err := Run(ctx, job); !errors.Is(err, context.Canceled) || sink.calls != 1 {
			t.Errorf("%s: %d writes, error %v", name, sink.calls, err)
		}
		stop()
	}
}

// TestStreamsCount: what open streams hold is part of what a group costs, for
// each member of those that are read in lock-step, and for the larger one where
// they are read one by one.
func TestStreamsCount(t *testing.T) {
	const stream = 1 << 20
	l := newLineup(map[string]*array{
		"w": {dtype: tensor.BFloat16, shape: tensor.Shape{4096, 64}, data: make([]byte, 2*4096*64), memory: stream},
		"v": {dtype: tensor.BFloat16, shape: tensor.Shape{4096, 64}, data: make([]byte, 2*4096*64), memory: stream + 1},
	})
	l.add(t, tensor.BFloat16, &plan.Concat{Xs: []plan.Expr{src("w"), src("v")}, Axis: 1})
	w, err := prepare(&Job{Plan: l.plan, Sources: map[string]store.Reader{"s": l.source}, Workers: 1, budget: 64 << 20, slab: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	g := w.groups[0]
	rungs := newLadder(w.main, 64<<20, 1, 64<<10)
	rungs.slab = 64 << 10
	for _, tt := range []struct {
		s    schedule
		want int64
	}{{schedule{axis: -1, passAxis: -1, passes: 1}, stream + 1}, {schedule{axis: 0, block: 512, passAxis: -1, passes: 1}, stream*2 + 1}} {
		s := tt.s
		rungs.measure(g, &s, true)
		if len(g.members) != 2 || s.streams != tt.want || s.cost != tt.want+int64(s.ring*s.slab+s.buffers*s.window) {
			t.Errorf("axis %d: %d members, %+v, wanted streams of %d", s.axis, len(g.members), s, tt.want)
		}
	}
	if _, err := prepare(&Job{Plan: l.plan, Sources: map[string]store.Reader{"s": l.source}, Workers: 1, budget: stream / 2, slab: 64 << 10}); err == nil {
		t.Error("a stream that does not fit is read")
	}
}

// TestLadder says which rung is taken for one hard shape: [in, L, out], each
// layer transposed, so that one chunk opens every layer.
func TestLadder(t *testing.T) {
	l := newLineup(map[string]*array{"w": {dtype: tensor.BFloat16, shape: tensor.Shape{4096, 8, 64}, data: make([]byte, 4<<20)}})
	for i := range 8 {
		l.add(t, tensor.BFloat16, &plan.Rearrange{X: src("w", plan.At{Axis: 1, Pos: i}), Pattern: "i o -> o i"})
	}
	sources := map[string]store.Reader{"s": l.source}
	var got []string
	for _, budget := range []int64{64 << 20, 5 << 20, 3 << 20, 1 << 20, 400 << 10} {
		w, err := prepare(&Job{Plan: l.plan, Sources: sources, Workers: 1, budget: budget, slab: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		p := w.groups[0].plan
		got = append(got, fmt.Sprintf("%d KiB: axis %d block %d, %d passes over axis %d, runs of %d, %d KiB", budget>>10, p.axis, p.block, p.passes, p.passAxis, p.run, p.cost>>10))
	}
	want := []string{
		"65536 KiB: axis -1 block 0, 1 passes over axis -1, runs of 4611686018427387904, 4192 KiB",
		"5120 KiB: axis -1 block 0, 1 passes over axis -1, runs of 4611686018427387904, 4192 KiB",
		"3072 KiB: axis 0 block 2048, 1 passes over axis -1, runs of 4096, 2112 KiB",
		"1024 KiB: axis 0 block 512, 1 passes over axis -1, runs of 1024, 576 KiB",
		"400 KiB: axis 0 block 512, 2 passes over axis 1, runs of 1024, 320 KiB",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	arr := func(shape, chunk tensor.Shape) *array { return randomArray(rng, tensor.BFloat16, shape, chunk) }
	l := newLineup(map[string]*array{
		"gate": arr(tensor.Shape{4, 64, 32}, tensor.Shape{2, 64, 32}), "up": arr(tensor.Shape{4, 64, 32}, tensor.Shape{2, 64, 32}),
		"grid": arr(tensor.Shape{64, 64}, tensor.Shape{32, 32}), "plain": arr(tensor.Shape{64, 64}, tensor.Shape{16, 64}),
	})
	one := func(n string) plan.Expr { return &plan.Rearrange{X: src(n), Pattern: "e d f -> e d f 1"} }
	l.add(t, tensor.BFloat16, &plan.Rearrange{X: &plan.Concat{Xs: []plan.Expr{one("gate"), one("up")}, Axis: 3}, Pattern: "e d f s -> e d (f s)"})
	l.add(t, tensor.BFloat16, &plan.Rearrange{X: src("grid"), Pattern: "d f -> f d"})
	l.add(t, tensor.BFloat16, src("plain"))
	w, err := prepare(&Job{Plan: l.plan, Sources: map[string]store.Reader{"s": l.source}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Estimate(l.plan, map[string]store.Reader{"s": l.source}, 128<<20, 2)
	if err != nil || r.Workers != 2 || r.Groups != 8 || r.Passes != 1 || r.Read != 2*(2*4*64*32+2*64*64) || r.Written != r.Read {
		t.Errorf("report %+v, %v", r, err)
	}
	got := map[string]int{}
	for _, g := range w.groups {
		var names []string
		for _, m := range g.members {
			names = append(names, fmt.Sprint(m.base.name, m.chunk))
		}
		got[strings.Join(names, " ")]++
	}
	want := map[string]int{"gate0 up0": 1, "gate1 up1": 1, "grid0 grid2": 1, "grid1 grid3": 1, "plain0": 1, "plain1": 1, "plain2": 1, "plain3": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
