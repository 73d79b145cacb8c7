package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// implementations are all that this machine can run.
var implementations = map[string]mergeRows{"portable": mergePortable}

// hard are values at which float32 arithmetic is not ordinary.
var hard = []uint32{
	0x00000000, 0x80000000, // zeros
	0x00000001, 0x80000001, 0x007fffff, 0x00800000, // subnormals and the first normal
	0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, // largest values, infinities
	0x7fc00000, 0xffc00000, 0x7f800001, 0xffabcdef, // quiet and signalling NaNs
	0x3f800000, 0xbf800000, 0x1e3ce508, 0x5f800000,
}

// random fills n values, a share of them hard ones.
func random(rng *rand.Rand, n int, hardShare float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		if rng.Float64() < hardShare {
			x[i] = math.Float32frombits(hard[rng.IntN(len(hard))])
		} else {
			x[i] = float32(rng.NormFloat64())
		}
	}
	return x
}

// same reports the first place where two slices differ in a bit, or -1.
func same(x, y []float32) int {
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			return i
		}
	}
	return -1
}

func TestMergeByHand(t *testing.T) {
	inf := float32(math.Inf(1))
	qnan := math.Float32frombits(0xffc12345)
	negZero := float32(math.Copysign(0, -1))
	for _, tt := range []struct {
		name    string
		w, a, b []float32
		k       int
		scale   float32
		want    uint32 // bit pattern of w[0]
	}{
		{"one product", []float32{1}, []float32{2}, []float32{3}, 1, 0.5, math.Float32bits(4)},
		{"the product is rounded before it is added: fused gives 1 + 2^-11 + 2^-24, scaled by a cancelling sum",
			// (1+2^-12)^2 = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11 (tie to even); then minus that is 0.
			[]float32{0}, []float32{-1, 1 + 0x1p-12}, []float32{1 + 0x1p-11, 1 + 0x1p-12}, 2, 1, 0},
		{"the index ascends: 2^24 + 1 + 1 is 2^24", []float32{0}, []float32{0x1p24, 1, 1}, []float32{1, 1, 1}, 3, 1, math.Float32bits(0x1p24)},
		{"the index ascends: 1 + 1 + 2^24 is 2^24 + 2", []float32{0}, []float32{1, 1, 0x1p24}, []float32{1, 1, 1}, 3, 1, math.Float32bits(0x1p24 + 2)},
		// w = -(1+2^-11), scale*acc = (1+2^-12)^2 rounded: 0, where fused is 2^-24.
		{"the scaled sum is rounded before it is added", []float32{-(1 + 0x1p-11)}, []float32{1 + 0x1p-12}, []float32{1}, 1, 1 + 0x1p-12, 0},
		// Scaling each product first would give 0.1*3 + 0.1*3 + 0.1*3 rounded thrice.
		{"scale is applied to the finished sum", []float32{0}, []float32{3, 3, 3}, []float32{1, 1, 1}, 3, 0.1, math.Float32bits(float32(float64(float32(0.1)) * 9))},
		{"the sum starts at +0", []float32{negZero}, []float32{negZero}, []float32{1}, 1, 1, 0},
		{"-0 survives a -0", []float32{negZero}, []float32{0}, []float32{1}, 1, -1, 1 << 31},
		{"0 * Inf is not skipped", []float32{1}, []float32{0}, []float32{inf}, 1, 1, 0x7fc00000},
		{"Inf - Inf is the one NaN", []float32{inf}, []float32{1}, []float32{-inf}, 1, 1, 0x7fc00000},
		{"a NaN of w becomes the one NaN", []float32{qnan}, []float32{1}, []float32{1}, 1, 1, 0x7fc00000},
		{"overflow is infinite", []float32{math.MaxFloat32}, []float32{1}, []float32{math.MaxFloat32}, 1, 1, 0x7f800000},
		{"subnormals are not flushed", []float32{0}, []float32{0x1p-75}, []float32{0x1p-74}, 1, 1, 1},
		{"an empty contraction adds +0", []float32{negZero}, nil, nil, 0, 1, 0},
		{"an empty contraction adds -0", []float32{negZero}, nil, nil, 0, -2, 1 << 31},
	} {
		for name, rows := range implementations {
			// Once as a last column, once spread over a whole panel.
			for _, n := range []int{1, panelWidth} {
				w, b := slices.Repeat(tt.w, n), []float32(nil)
				for _, x := range tt.b {
					b = append(b, slices.Repeat([]float32{x}, n)...)
				}
				merge(w, n, tt.a, tt.k, b, n, 1, n, tt.k, tt.scale, make([]float32, MergeScratch(tt.k)), rows)
				for _, got := range w {
					if math.Float32bits(got) != tt.want {
						t.Errorf("%s: %s: got %#08x, want %#08x", name, tt.name, math.Float32bits(got), tt.want)
					}
				}
			}
		}
		w := slices.Clone(tt.w)
		MergeNaive(w, 1, tt.a, tt.k, tt.b, 1, 1, 1, tt.k, tt.scale)
		if math.Float32bits(w[0]) != tt.want {
			t.Errorf("naive: %s: got %#08x, want %#08x", tt.name, math.Float32bits(w[0]), tt.want)
		}
	}
}

// TestMergeEqualsNaive compares every path with the definition at sizes around
// its blocks, with leading dimensions past the row, and with hard values.
func TestMergeEqualsNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	scales := []float32{1, 2, 0.37, -1.5, 0, float32(math.Copysign(0, -1)), 1e-40, float32(math.Inf(1)), float32(math.NaN())}
	for name, rows := range implementations {
		t.Run(name, func(t *testing.T) {
			for _, m := range []int{0, 1, 2, 3, 4, 5, 7, 8, 17, 33} {
				for _, n := range []int{0, 1, 7, 15, 16, 17, 31, 32, 48, 100, 257} {
					for _, k := range []int{0, 1, 2, 3, 4, 8, 15, 16, 33} {
						for _, share := range []float64{0, 0.02, 0.6} {
							compareWithNaive(t, rng, rows, m, n, k, scales[rng.IntN(len(scales))], share)
						}
					}
				}
			}
			// Past a block of columns, and a contraction longer than the packed block.
			compareWithNaive(t, rng, rows, 5, 2*maxColumns+21, 1, 2, 0)
			compareWithNaive(t, rng, rows, 6, 2*maxColumns+5, 16, 0.37, 0)
			compareWithNaive(t, rng, rows, 6, 53, 700, 0.37, 0)
		})
	}
}

func compareWithNaive(t *testing.T, rng *rand.Rand, rows mergeRows, m, n, k int, scale float32, share float64) {
	t.Helper()
	ldw, lda, ldb := n+rng.IntN(3), k+rng.IntN(3), n+rng.IntN(3)
	length := func(rows, cols, ld int) int {
		if rows == 0 || cols == 0 {
			return 0
		}
		return (rows-1)*ld + cols
	}
	const fence = 3 // elements after the last one, which must stay
	w := random(rng, length(m, n, ldw)+fence, share)
	a := random(rng, length(m, k, lda), share)
	b := random(rng, length(k, n, ldb), share)
	want, a0, b0 := slices.Clone(w), slices.Clone(a), slices.Clone(b)
	scratch := random(rng, MergeScratch(k), 1)
	MergeNaive(want, ldw, a, lda, b, ldb, m, n, k, scale)
	merge(w, ldw, a, lda, b, ldb, m, n, k, scale, scratch, rows)
	if i := same(w, want); i >= 0 {
		t.Fatalf("m=%d n=%d k=%d ld=%d,%d,%d scale=%g share=%g: element %d is %#08x, want %#08x",
			m, n, k, ldw, lda, ldb, scale, share, i, math.Float32bits(w[i]), math.Float32bits(want[i]))
	}
	if same(a, a0) >= 0 || same(b, b0) >= 0 {
		t.Fatalf("m=%d n=%d k=%d: an operand was written to", m, n, k)
	}
}

// TestMergeSlabs cuts one matrix into slabs of every height and into columns.
func TestMergeSlabs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const m, n, k = 29, 150, 16
	w, a, b := random(rng, m*n, 0), random(rng, m*k, 0), random(rng, k*n, 0)
	scratch := make([]float32, MergeScratch(k))
	want := slices.Clone(w)
	MergeNaive(want, n, a, k, b, n, m, n, k, 0.37)
	for _, h := range []int{1, 2, 3, 4, 5, 11, 29} {
		for _, c := range []int{1, 13, 16, 40, 150} {
			got := slices.Clone(w)
			for i := 0; i < m; i += h {
				for j := 0; j < n; j += c {
					Merge(got[i*n+j:], n, a[i*k:], k, b[j:], n, min(h, m-i), min(c, n-j), k, 0.37, scratch)
				}
			}
			if i := same(got, want); i >= 0 {
				t.Fatalf("slabs of %d rows and %d columns: element %d differs", h, c, i)
			}
		}
	}
}

// TestMergeAgainstFloat64 bounds the distance from gonum's float64 product: each
// of the k products and k sums errs by half a unit, as do scale and the last
// addition.
func TestMergeAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, tt := range []struct{ m, n, k int }{{64, 96, 16}, {33, 70, 8}, {40, 48, 64}, {5, 300, 33}} {
		w, a, b := random(rng, tt.m*tt.n, 0), random(rng, tt.m*tt.k, 0), random(rng, tt.k*tt.n, 0)
		const scale = float32(0.37)
		wide := func(x []float32, abs bool) []float64 {
			y := make([]float64, len(x))
			for i, v := range x {
				y[i] = float64(v)
				if abs {
					y[i] = math.Abs(y[i])
				}
			}
			return y
		}
		var ref, size mat.Dense
		ref.Mul(mat.NewDense(tt.m, tt.k, wide(a, false)), mat.NewDense(tt.k, tt.n, wide(b, false)))
		size.Mul(mat.NewDense(tt.m, tt.k, wide(a, true)), mat.NewDense(tt.k, tt.n, wide(b, true)))
		got := slices.Clone(w)
		Merge(got, tt.n, a, tt.k, b, tt.n, tt.m, tt.n, tt.k, scale, make([]float32, MergeScratch(tt.k)))
		for i := range tt.m {
			for j := range tt.n {
				want := float64(w[i*tt.n+j]) + float64(scale)*ref.At(i, j)
				bound := 0x1p-24 * (float64(tt.k+2)*float64(scale)*size.At(i, j) + math.Abs(want))
				if diff := math.Abs(float64(got[i*tt.n+j]) - want); diff > bound {
					t.Fatalf("%v [%d,%d]: got %g, want %g: off by %g, bound %g", tt, i, j, got[i*tt.n+j], want, diff, bound)
				}
			}
		}
	}
}

func TestMergeRefusesShortSlices(t *testing.T) {
	x := func(n int) []float32 { return make([]float32, n) }
	for _, tt := range []struct {
		name string
		call func()
		want string
	}{
		{"w", func() { Merge(x(5), 3, x(4), 2, x(6), 3, 2, 3, 2, 1, x(9999)) }, shortW},
		{"a", func() { Merge(x(6), 3, x(3), 2, x(6), 3, 2, 3, 2, 1, x(9999)) }, shortA},
		{"b", func() { Merge(x(6), 3, x(4), 2, x(5), 3, 2, 3, 2, 1, x(9999)) }, shortB},
		{"scratch", func() { Merge(x(6), 3, x(4), 2, x(6), 3, 2, 3, 2, 1, x(MergeScratch(2)-1)) }, shortWork},
		{"ld", func() { Merge(x(6), 2, x(4), 2, x(6), 3, 2, 3, 2, 1, x(9999)) }, badLd},
		{"size", func() { Merge(x(6), 3, x(4), 2, x(6), 3, -2, 3, 2, 1, x(9999)) }, badSize},
		{"overflow", func() { Merge(x(6), 1<<62, x(4), 2, x(6), 3, 5, 3, 2, 1, x(9999)) }, shortW},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != tt.want {
					t.Errorf("%s: panic %q, want %q", tt.name, got, tt.want)
				}
			}()
			tt.call()
		}()
	}
}
