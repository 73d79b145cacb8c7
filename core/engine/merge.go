package engine

import "github.com/loraconv/loraconv/core/kernel"

// merger adds a term to tiles of float32. It owns the room that this takes and
// belongs to one goroutine.
type merger struct {
	t *term
	w []float32
	held
	box  box
	leaf []int // strides of the leaf, flat in C order; 0 on indexed axes
	tile []int // strides of the tile
	dims []leafDim
	work []float32
	wide []float64 // of addExact; else nil
}

// leafDim is size elements that lie leaf apart in the leaf and tile apart in
// the tile.
type leafDim struct{ size, leaf, tile int }

// add adds t to w, which holds the coordinates of b in C order.
func (m *merger) add(t *term, w []float32, h held, b box, leaf, tile []int) {
	if need := kernel.MergeScratch(t.k); len(m.work) < need {
		m.work = make([]float32, need)
	}
	m.t, m.w, m.held, m.box, m.leaf, m.tile, m.dims = t, w, h, b, leaf, tile, m.dims[:0]
	m.axis(len(b.lo)-1, 0, 0)
}

// axis takes the axes from the innermost outwards.
func (m *merger) axis(x, leafAt, tileAt int) {
	if x < 0 {
		m.matrices(leafAt, tileAt)
		return
	}
	m.stretch(x, m.box.lo[x], m.box.hi[x]-m.box.lo[x], m.leaf[x], m.tile[x], leafAt, tileAt)
}

// stretch takes n positions from lo of axis x. Where they run over the border
// of a row, or of a matrix, in the leaf, they become two dims, or several
// stretches if they do not begin and end at one.
func (m *merger) stretch(x, lo, n, leaf, tile, leafAt, tileAt int) {
	if n == 1 || leaf == 0 {
		m.axis(x-1, leafAt+lo*leaf, tileAt)
		return
	}
	top := len(m.dims)
	for _, border := range [2]int{m.t.c, m.t.c * m.t.r} {
		if leaf >= border {
			continue
		}
		u := border / leaf
		if lo/u == (lo+n-1)/u {
			continue
		}
		if lo%u == 0 && n%u == 0 {
			m.dims = append(m.dims, leafDim{u, leaf, tile})
			m.stretch(x, lo/u, n/u, leaf*u, tile*u, leafAt, tileAt)
			m.dims = m.dims[:top]
			return
		}
		k := u - lo%u
		if lo%u == 0 {
			k = n - n%u
		}
		m.stretch(x, lo, k, leaf, tile, leafAt, tileAt)
		m.stretch(x, lo+k, n-k, leaf, tile, leafAt, tileAt+k*tile)
		return
	}
	m.dims = append(m.dims, leafDim{n, leaf, tile})
	m.axis(x-1, leafAt+lo*leaf, tileAt)
	m.dims = m.dims[:top]
}

// matrices picks the dims that are the rows and columns of one product, and
// loops over the others.
func (m *merger) matrices(leafAt, tileAt int) {
	c, cr := m.t.c, m.t.c*m.t.r
	col, row := leafDim{1, 1, 1}, leafDim{1, c, 0}
	var loops [2 * maxRank]leafDim
	others := loops[:0]
	for _, d := range m.dims { // innermost first
		switch {
		case d.leaf < c && d.leaf == col.leaf*col.size && d.tile == col.tile*col.size:
			col.size *= d.size
		case d.leaf >= c && d.leaf < cr && row.size == 1:
			row = d
		case d.leaf >= c && d.leaf < cr && d.leaf == row.leaf*row.size && d.tile == row.tile*row.size:
			row.size *= d.size
		default:
			others = append(others, d)
		}
	}
	m.loop(others, row, col, leafAt, tileAt)
}

func (m *merger) loop(dims []leafDim, row, col leafDim, leafAt, tileAt int) {
	if len(dims) > 0 {
		d := dims[len(dims)-1]
		for i := range d.size {
			m.loop(dims[:len(dims)-1], row, col, leafAt+i*d.leaf, tileAt+i*d.tile)
		}
		return
	}
	t := m.t
	rowsAt, colsAt := (leafAt/t.c%t.r-m.row0)*t.k, leafAt%t.c-m.col0
	o := leafAt / t.c / t.r
	for _, l := range t.outer {
		rowsAt += o % l.size * l.rows
		colsAt += o % l.size * l.cols
		o /= l.size
	}
	ldw := max(row.tile, col.size)
	if m.wide != nil {
		m.productExact(row, col, tileAt, rowsAt, colsAt, ldw)
		return
	}
	kernel.Merge(m.w[tileAt:], ldw, m.rows[rowsAt:], t.k*(row.leaf/t.c), m.cols[colsAt:], m.ldc,
		row.size, col.size, t.k, t.scale, m.work)
}
