package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSteps(t *testing.T) {
	inf := float32(math.Inf(1))
	snan := math.Float32frombits(0xff800001)
	for _, tt := range []struct {
		name string
		step func(w []float32, s float32)
		s    float32
		in   []float32
		want []float32
	}{
		{"scale", Scale, 0.1, []float32{3, -0.5, 0x1p-149}, []float32{float32(float64(float32(0.1)) * 3), -0.05, 0}},
		{"scale makes a NaN", Scale, 0, []float32{inf, snan}, []float32{nan, nan}},
		{"div", Div, 3, []float32{1, -7, 0x1p-149}, []float32{1. / 3, -7. / 3, 0}},
		{"div is no reciprocal", Div, 49, []float32{49}, []float32{1}},
		{"div by zero", Div, 0, []float32{1, -1, 0}, []float32{inf, -inf, nan}},
		{"add", Add, 1, []float32{0x1p-24, 0x1.8p-24, -1}, []float32{1, 1 + 0x1p-23, 0}},
		{"add makes a NaN", Add, -inf, []float32{inf, 1}, []float32{nan, -inf}},
	} {
		w := slices.Clone(tt.in)
		tt.step(w, tt.s)
		if i := same(w, tt.want); i >= 0 {
			t.Errorf("%s: element %d is %g (%#08x), want %g", tt.name, i, w[i], math.Float32bits(w[i]), tt.want[i])
		}
	}
}

func TestSum(t *testing.T) {
	big := float32(0x1p24)
	negZero := float32(math.Copysign(0, -1))
	for _, tt := range []struct {
		name   string
		src    []float32
		shape  []int
		summed []bool
		want   []float32
	}{
		{"rows", []float32{1, 2, 3, 4, 5, 6}, []int{2, 3}, []bool{true, false}, []float32{5, 7, 9}},
		{"columns", []float32{1, 2, 3, 4, 5, 6}, []int{2, 3}, []bool{false, true}, []float32{6, 15}},
		{"middle", []float32{1, 2, 3, 4, 5, 6, 7, 8}, []int{2, 2, 2}, []bool{false, true, false}, []float32{4, 6, 12, 14}},
		{"ends", []float32{1, 2, 3, 4, 5, 6, 7, 8}, []int{2, 2, 2}, []bool{true, false, true}, []float32{1 + 2 + 5 + 6, 3 + 4 + 7 + 8}},
		{"ascending loses the ones", []float32{big, 1, 1}, []int{3}, []bool{true}, []float32{big}},
		{"ascending keeps the ones", []float32{1, 1, big}, []int{3}, []bool{true}, []float32{big + 2}},
		{"row-major over two axes", []float32{big, 1, 1, 1}, []int{2, 2}, []bool{true, true}, []float32{big}},
		{"starts at +0", []float32{negZero, negZero}, []int{2}, []bool{true}, []float32{0}},
		{"one NaN", []float32{float32(math.Inf(1)), float32(math.Inf(-1))}, []int{2}, []bool{true}, []float32{nan}},
		{"nothing is summed", []float32{1, 2}, []int{2}, []bool{false}, []float32{1, 2}},
		{"an empty sum", nil, []int{2, 0}, []bool{false, true}, []float32{0, 0}},
		{"a scalar", []float32{3}, nil, nil, []float32{3}},
	} {
		dst := slices.Repeat([]float32{99}, len(tt.want))
		Sum(dst, tt.src, tt.shape, tt.summed)
		if i := same(dst, tt.want); i >= 0 || len(dst) != len(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, dst, tt.want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	w, a, b := random(rng, 9*100, 0), random(rng, 9*16, 0), random(rng, 16*100, 0)
	scratch, sum := make([]float32, MergeScratch(16)), make([]float32, 100)
	shape, summed := []int{16, 100}, []bool{true, false}
	if n := testing.AllocsPerRun(10, func() {
		Merge(w, 100, a, 16, b, 100, 9, 100, 16, 2, scratch)
		MergeNaive(w, 100, a, 16, b, 100, 9, 100, 16, 2)
		Sum(sum, b, shape, summed)
		Scale(w, 2)
		Div(w, 2)
		Add(w, 2)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
