package engine

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/loraconv/loraconv/core/kernel"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// TestSums compares sums that are taken in place, with all kinds of room, with
// the kernel's over the operand as it is stored.
func TestSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	// As stored [p, q, s, u], of which q and u are summed.
	sizes, summed := []int{3, 4, 5, 6}, []bool{false, true, false, true}
	stored := make([]float32, 3*4*5*6)
	for i := range stored {
		stored[i] = rng.Float32()*2 - 1
	}
	for i := range 24 { // one sum of nothing but -0
		stored[(0*4+i/6)*30+0*6+i%6] = float32(math.Copysign(0, -1))
	}
	stored[(2*4+1)*30+3*6+5] = float32(math.NaN())
	want := make([]float32, 15)
	kernel.Sum(want, stored, sizes, summed)

	l := operandLayout{sizes: sizes, axes: []int{1, 1, 1, 1}, summed: summed, order: []int{0, 2}}
	moved := make([]float32, len(stored)) // [p, s, q, u]
	kernel.Move(tensor.Float32Bytes(moved), tensor.Float32Bytes(stored), 4, []int{3, 5, 4, 6}, []int{120, 24, 6, 1}, []int{120, 6, 30, 1})
	for _, room := range []int{2, 5, 23, 24, 25, 100, 1000} {
		for _, scratch := range []bool{false, true} {
			o := &operands{list: []*operand{
				{layout: operandLayout{sizes: []int{2}, axes: []int{1}, summed: []bool{false}, order: []int{0}}, shape: tensor.Shape{2}},
				{layout: l, shape: sizes, off: 64},
			}}
			all := slices.Concat(make([]byte, 64), tensor.Float32Bytes(moved))
			if o.memory = all; scratch {
				o.scratch, o.memory = &memoryScratch{data: all}, nil
			}
			if err := o.sums(room); err != nil {
				t.Fatal(err)
			}
			if got := all[64:][:4*15]; !bytes.Equal(got, tensor.Float32Bytes(want)) {
				t.Errorf("room for %d, scratch %v: %v, wanted %v", room, scratch, floatsOf(got), want)
			}
		}
	}
}

// TestAdaptersAreTurnedWithinTheBudget: factors that lie the other way round, or
// have a one-sided sum, take no room but that of the groups, however large they
// are.
func TestAdaptersAreTurnedWithinTheBudget(t *testing.T) {
	v := newVast()
	l := &lineup{plan: &plan.Plan{Version: plan.Version, Sources: []string{"s"}}}
	const d = 1 << 17
	v.add("w", bf16, tensor.Shape{d, 8}, nil)
	v.add("a", bf16, tensor.Shape{2, 16, d}, nil) // 16 MiB as float32
	v.add("b", bf16, tensor.Shape{16, 8}, nil)
	m := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "m r d, r f -> d f", Scale: 1}}}
	l.plan.Tensors = []plan.Tensor{{Name: "w", DType: bf16, Shape: tensor.Shape{d, 8}, Expr: m}}
	f, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	job := Job{
		Plan: l.plan, Sources: map[string]store.Reader{"s": v}, Sink: newSink(t, []int{2 * d * 8}, true), Workers: 1,
		budget: 24 << 20, slab: 64 << 10, Scratch: func() (Scratch, error) { return f, nil },
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stats, err := Run(t.Context(), job)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if !stats.Report.Scratch {
		t.Fatalf("%+v: wanted a scratch file", stats.Report)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 12<<20 {
		t.Errorf("%d bytes of the heap beside the buffers that are counted, for factors of %d", n, stats.Report.Adapters)
	}
}

// TestLongContractionsCount: the kernel's scratch for an absurd rank is taken
// off the budget.
func TestLongContractionsCount(t *testing.T) {
	budget := func(k int) int64 {
		v := newVast()
		v.add("w", bf16, tensor.Shape{4, 4}, nil)
		v.add("a", bf16, tensor.Shape{4, k}, nil)
		v.add("b", bf16, tensor.Shape{k, 4}, nil)
		m := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "i r, r o -> i o", Scale: 1}}}
		p := &plan.Plan{Version: plan.Version, Sources: []string{"s"}, Tensors: []plan.Tensor{{Name: "w", DType: bf16, Shape: tensor.Shape{4, 4}, Expr: m}}}
		w, err := prepare(&Job{Plan: p, Sources: map[string]store.Reader{"s": v}, Memory: 1 << 30, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		return w.budget + w.opsMemory
	}
	const k = 1 << 18
	if less := budget(16) - budget(k); less < 2*4*int64(kernel.MergeScratch(k))-2<<20 {
		t.Errorf("a contraction of %d takes %d bytes off the budget of two workers, wanted %d or so", k, less, 2*4*kernel.MergeScratch(k))
	}
}
