package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// TestGonumEqualsOnAMD64 documents where gonum's float32 product is the same
// bits: not transposed, alpha 1, beta 0, finite inputs, on amd64 (on arm64 its
// loops fuse; transposed it adds in another order; it skips zero multipliers).
func TestGonumEqualsOnAMD64(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, tt := range []struct{ m, n, k int }{{64, 96, 16}, {33, 70, 8}, {130, 67, 65}} {
		w, a, b := random(rng, tt.m*tt.n, 0), random(rng, tt.m*tt.k, 0), random(rng, tt.k*tt.n, 0)
		delta := make([]float32, tt.m*tt.n)
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1,
			blas32.General{Rows: tt.m, Cols: tt.k, Stride: tt.k, Data: a},
			blas32.General{Rows: tt.k, Cols: tt.n, Stride: tt.n, Data: b}, 0,
			blas32.General{Rows: tt.m, Cols: tt.n, Stride: tt.n, Data: delta})
		want := slices.Clone(w)
		for i, d := range delta {
			want[i] += float32(0.37 * d)
		}
		Merge(w, tt.n, a, tt.k, b, tt.n, tt.m, tt.n, tt.k, 0.37, make([]float32, MergeScratch(tt.k)))
		if i := same(w, want); i >= 0 {
			t.Errorf("%v: element %d is %g, gonum says %g", tt, i, w[i], want[i])
		}
	}
}
