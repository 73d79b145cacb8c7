package kernel

import "math"

// nan is the one pattern that arithmetic writes for a NaN.
var nan = math.Float32frombits(0x7fc00000)

// canonical returns x, or the one NaN if x is any NaN.
func canonical(x float32) float32 {
	if x != x {
		return nan
	}
	return x
}

// MergeNaive is the definition of Merge, with the same arguments but scratch.
func MergeNaive(w []float32, ldw int, a []float32, lda int, b []float32, ldb int, m, n, k int, scale float32) {
	checkMerge(w, ldw, a, lda, b, ldb, m, n, k)
	for i := range m {
		for j := range n {
			var acc float32
			for l := range k {
				acc += float32(a[i*lda+l] * b[l*ldb+j])
			}
			w[i*ldw+j] = canonical(w[i*ldw+j] + float32(scale*acc))
		}
	}
}

func checkMerge(w []float32, ldw int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	checkMatrix(w, m, n, ldw, shortW)
	checkMatrix(a, m, k, lda, shortA)
	checkMatrix(b, k, n, ldb, shortB)
}
