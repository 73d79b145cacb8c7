//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// hasAVX512 leaves out the first processors with AVX-512, which lower their clock
// for it; those with VBMI2 (Ice Lake, Zen 4 and later) hardly do. Of VBMI2 itself
// nothing is used, of AVX2 what mergeAVX2 uses.
var hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasAVX2

var mergePanels = func() mergeRows {
	switch {
	case hasAVX512:
		return mergeAVX512
	case cpu.X86.HasAVX2:
		return mergeAVX2
	}
	return mergePortable
}()

// mergeAVX512 is mergeRows in assembly, eight rows at a time; mergeAVX2 does the
// rest.
func mergeAVX512(w []float32, ldw int, a []float32, lda int, panels []float32, m, n, k int, scale float32) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	_, _, _ = w[(m-1)*ldw+n-1], a[(m-1)*lda+k-1], panels[n*k-1]
	i := 0
	for ; i+8 <= m; i += 8 {
		mergeEightAVX512(&w[i*ldw], 4*ldw, &a[i*lda], 4*lda, &panels[0], n/panelWidth, k, scale)
	}
	if i < m {
		mergeAVX2(w[i*ldw:], ldw, a[i*lda:], lda, panels, m-i, n, k, scale)
	}
}

// mergeAVX2 is mergeRows in assembly, four rows at a time and then one at a
// time.
func mergeAVX2(w []float32, ldw int, a []float32, lda int, panels []float32, m, n, k int, scale float32) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	// The assembly checks no bounds: the last element of each operand.
	_, _, _ = w[(m-1)*ldw+n-1], a[(m-1)*lda+k-1], panels[n*k-1]
	i := 0
	for ; i+4 <= m; i += 4 {
		mergeFourAVX2(&w[i*ldw], 4*ldw, &a[i*lda], 4*lda, &panels[0], n/panelWidth, k, scale)
	}
	for ; i < m; i++ {
		mergeOneAVX2(&w[i*ldw], &a[i*lda], &panels[0], n/panelWidth, k, scale)
	}
}

// mergeFourAVX2 adds to four rows of w, ldw bytes apart, panels panels of 16
// columns; the rows of a are lda bytes apart. k is at least 1. Each lane holds
// one element's sum: products and sums are separate instructions, so each is
// rounded, and l ascends.
//
//	for p := range panels {
//		for r := range 4 {
//			for c := range 16 {
//				var acc float32
//				for l := range k {
//					acc += float32(a[r][l] * b[p][l][c])
//				}
//				w[r][16*p+c] = canonical(w[r][16*p+c] + float32(scale*acc))
//			}
//		}
//	}
//
//go:noescape
func mergeFourAVX2(w *float32, ldw int, a *float32, lda int, b *float32, panels, k int, scale float32)

// mergeEightAVX512 is mergeFourAVX2 for eight rows and at least one panel.
//
//go:noescape
func mergeEightAVX512(w *float32, ldw int, a *float32, lda int, b *float32, panels, k int, scale float32)

// mergeOneAVX2 is mergeFourAVX2 for one row.
//
//go:noescape
func mergeOneAVX2(w *float32, a *float32, b *float32, panels, k int, scale float32)
