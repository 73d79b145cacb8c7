package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Product64 is compared with sums in 2,000 bits: it may be off by one rounding
// for each operation.
func TestProduct64(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {2, 130, 16}, {4, 9, 0}, {5, 3, 33}} {
		m, n, k := s[0], s[1], s[2]
		lda, ldb, ldw := k+2, n+3, n+1
		a, b, w := make([]float32, m*lda+1), make([]float32, (k+1)*ldb), make([]float64, m*ldw)
		for i := range a {
			a[i] = float32(rng.NormFloat64())
		}
		for i := range b {
			b[i] = float32(math.Ldexp(rng.NormFloat64(), rng.IntN(20)))
		}
		for i := range w {
			w[i] = rng.NormFloat64()
		}
		before := append([]float64{}, w...)
		const scale = float32(0.1)
		Product64(w, ldw, a, lda, b, ldb, m, n, k, scale)
		for i := range m {
			for j := range n {
				want := new(big.Float).SetPrec(2000).SetFloat64(before[i*ldw+j])
				size := math.Abs(before[i*ldw+j])
				for l := range k {
					p := new(big.Float).SetPrec(2000).SetFloat64(float64(scale))
					p.Mul(p, new(big.Float).SetFloat64(float64(a[i*lda+l])))
					p.Mul(p, new(big.Float).SetFloat64(float64(b[l*ldb+j])))
					want.Add(want, p)
					x, _ := p.Float64()
					size += math.Abs(x)
				}
				x, _ := want.Float64()
				if got := w[i*ldw+j]; math.Abs(got-x) > float64(k+1)*0x1p-52*size {
					t.Fatalf("%v, element %d, %d: %v, wanted %v", s, i, j, got, x)
				}
			}
			if i < m-1 && w[i*ldw+n] != before[i*ldw+n] {
				t.Fatalf("%v: an element between the rows was written", s)
			}
		}
	}
}
