package kernel

// Product64 adds scale times the product of a [m, k] and b [k, n] to w [m, n],
// in float64:
//
//	w[i*ldw+j] += scale*a[i*lda+0]*b[0*ldb+j]
//	w[i*ldw+j] += scale*a[i*lda+1]*b[1*ldb+j]
//	...
//
// Each operator is one float64 operation, rounded to nearest even, scale*a
// being the inner one, which is exact; nothing is fused. It is what results
// are measured against, never a result.
func Product64(w []float64, ldw int, a []float32, lda int, b []float32, ldb int, m, n, k int, scale float32) {
	for i := range m {
		row := w[i*ldw:][:n]
		l := 0
		for ; l+4 <= k; l += 4 {
			s0, s1 := float64(scale)*float64(a[i*lda+l]), float64(scale)*float64(a[i*lda+l+1])
			s2, s3 := float64(scale)*float64(a[i*lda+l+2]), float64(scale)*float64(a[i*lda+l+3])
			b0, b1, b2, b3 := b[l*ldb:][:n], b[(l+1)*ldb:][:n], b[(l+2)*ldb:][:n], b[(l+3)*ldb:][:n]
			for j, v := range row {
				v += float64(s0 * float64(b0[j]))
				v += float64(s1 * float64(b1[j]))
				v += float64(s2 * float64(b2[j]))
				row[j] = v + float64(s3*float64(b3[j]))
			}
		}
		for ; l < k; l++ {
			s, bl := float64(scale)*float64(a[i*lda+l]), b[l*ldb:][:n]
			for j := range row {
				row[j] += float64(s * float64(bl[j]))
			}
		}
	}
}
