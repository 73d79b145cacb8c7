package kernel

// mergePortable is mergeRows in Go: two rows by four columns at a time, which
// is what sixteen float registers hold.
func mergePortable(w []float32, ldw int, a []float32, lda int, panels []float32, m, n, k int, scale float32) {
	for p := 0; p < n; p += panelWidth {
		panel := panels[p*k:][:panelWidth*k]
		i := 0
		for ; i+2 <= m; i += 2 {
			mergePair(w[i*ldw+p:], w[(i+1)*ldw+p:], a[i*lda:][:k], a[(i+1)*lda:][:k], panel, scale)
		}
		if i < m {
			mergeOne(w[i*ldw+p:], a[i*lda:][:k], panel, scale)
		}
	}
}

func mergePair(w0, w1, a0, a1, panel []float32, scale float32) {
	w0, w1 = w0[:panelWidth], w1[:panelWidth]
	a1 = a1[:len(a0)]
	for c := 0; c < panelWidth; c += 4 {
		var s00, s01, s02, s03, s10, s11, s12, s13 float32
		b := panel[c:]
		for l, x := range a0 {
			y := a1[l]
			v := (*[4]float32)(b)
			s00 += float32(x * v[0])
			s01 += float32(x * v[1])
			s02 += float32(x * v[2])
			s03 += float32(x * v[3])
			s10 += float32(y * v[0])
			s11 += float32(y * v[1])
			s12 += float32(y * v[2])
			s13 += float32(y * v[3])
			b = b[min(panelWidth, len(b)):]
		}
		finish((*[4]float32)(w0[c:]), scale, s00, s01, s02, s03)
		finish((*[4]float32)(w1[c:]), scale, s10, s11, s12, s13)
	}
}

func mergeOne(w, a, panel []float32, scale float32) {
	w = w[:panelWidth]
	for c := 0; c < panelWidth; c += 4 {
		var s0, s1, s2, s3 float32
		b := panel[c:]
		for _, x := range a {
			v := (*[4]float32)(b)
			s0 += float32(x * v[0])
			s1 += float32(x * v[1])
			s2 += float32(x * v[2])
			s3 += float32(x * v[3])
			b = b[min(panelWidth, len(b)):]
		}
		finish((*[4]float32)(w[c:]), scale, s0, s1, s2, s3)
	}
}

func finish(w *[4]float32, scale, s0, s1, s2, s3 float32) {
	w[0] = canonical(w[0] + float32(scale*s0))
	w[1] = canonical(w[1] + float32(scale*s1))
	w[2] = canonical(w[2] + float32(scale*s2))
	w[3] = canonical(w[3] + float32(scale*s3))
}
