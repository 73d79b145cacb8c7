package kernel

const (
	panelWidth = 16   // columns of a panel: two AVX2 registers, or one of AVX-512
	packed     = 8192 // floats of a packed block: a first-level cache of 32 KiB (more measures alike, less is slower)
	maxColumns = 1024 // of a block
	tileHeight = 16   // rows of the tile for the last columns
	tileSize   = tileHeight * panelWidth
)

// MergeScratch returns how many floats of scratch Merge needs for a
// contraction of length k.
func MergeScratch(k int) int { return max(packed, k*panelWidth) + tileSize }

// Merge adds scale times the product of a [m, k] and b [k, n] to w [m, n]:
//
//	w[i*ldw+j] += float32(scale * sum over l of float32(a[i*lda+l] * b[l*ldb+j]))
//
// with the rounding, the order and the NaNs that the package comment defines.
// Packing b costs about as much as merging ten rows of rank 16, or twenty with
// AVX-512, so slabs of 64 rows and more are worth their memory.
// scratch holds at least MergeScratch(k) floats, whatever their values; it
// overlaps nothing, and w overlaps neither a nor b. a and b are not written to.
func Merge(w []float32, ldw int, a []float32, lda int, b []float32, ldb int, m, n, k int, scale float32, scratch []float32) {
	merge(w, ldw, a, lda, b, ldb, m, n, k, scale, scratch, mergePanels)
}

// mergeRows is Merge for n columns, whole panels of them, of a packed b.
type mergeRows func(w []float32, ldw int, a []float32, lda int, panels []float32, m, n, k int, scale float32)

func merge(w []float32, ldw int, a []float32, lda int, b []float32, ldb int, m, n, k int, scale float32, scratch []float32, rows mergeRows) {
	checkMerge(w, ldw, a, lda, b, ldb, m, n, k)
	if len(scratch) < MergeScratch(k) {
		panic(shortWork)
	}
	if m == 0 || n == 0 {
		return
	}
	if k == 0 { // nothing to pack; yet ±0 is added
		MergeNaive(w, ldw, nil, lda, nil, ldb, m, n, 0, scale)
		return
	}
	width := min((len(scratch)-tileSize)/(k*panelWidth)*panelWidth, maxColumns)
	whole := n - n%panelWidth
	for j := 0; j < whole; j += width {
		c := min(width, whole-j)
		pack(scratch, b, ldb, j, c, k)
		rows(w[j:], ldw, a, lda, scratch[:c*k], m, c, k, scale)
	}
	if n > whole {
		mergeTail(w[whole:], ldw, a, lda, b, ldb, whole, m, n-whole, k, scale, scratch, rows)
	}
}

// pack copies columns j to j+c of b, c a multiple of panelWidth, as panels. It
// reads b row by row: rows are far apart, the panels are in the cache.
func pack(panels, b []float32, ldb, j, c, k int) {
	for l := range k {
		row := b[l*ldb+j:][:c]
		for at := l * panelWidth; len(row) >= panelWidth; at += k * panelWidth {
			*(*[panelWidth]float32)(panels[at:]) = [panelWidth]float32(row)
			row = row[panelWidth:]
		}
	}
}

// mergeTail does the last c columns, fewer than a panel: they are laid into a
// tile of whole width, rows at a time, and cut out again. What the other
// columns of tile and panel hold is of no account.
func mergeTail(w []float32, ldw int, a []float32, lda int, b []float32, ldb, j, m, c, k int, scale float32, scratch []float32, rows mergeRows) {
	tile, panel := scratch[:tileSize], scratch[tileSize:][:k*panelWidth]
	for l := range k {
		copy(panel[l*panelWidth:][:c], b[l*ldb+j:])
	}
	for i := 0; i < m; i += tileHeight {
		h := min(tileHeight, m-i)
		for r := range h {
			copy(tile[r*panelWidth:][:c], w[(i+r)*ldw:])
		}
		rows(tile, panelWidth, a[i*lda:], lda, panel, h, panelWidth, k, scale)
		for r := range h {
			copy(w[(i+r)*ldw:][:c], tile[r*panelWidth:])
		}
	}
}
