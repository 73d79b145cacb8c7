package engine

import (
	"encoding/binary"
	"math"

	"github.com/loraconv/loraconv/core/kernel"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// What is measured, with every value in the output's own units:
//
//	base     the stored element after the row's steps, in float64
//	delta    what the terms add, after mul or div: float64 products and sums of
//	         the same float32 operands, one-sided sums taken
//	exact    base + delta, in float64: the result before rounding
//	written  what the output holds
//	error    written - exact
//
// Sums over a target are exact (exact.go), so they depend on neither tiles nor
// workers.

// measureBlock is how many neighbours along the last axis are summed in
// float64 before they enter an exact sum. Tiles are cut at multiples of it, so
// that the blocks are the same whatever the tiles.
const measureBlock = 128

// measures are the sums of one target.
type measures struct {
	base, delta  exactSum // of squares
	gained, lost exactSum // of error * delta, by sign
	worst        float64  // largest |error|
}

func (m *measures) merge(n *measures) {
	m.base.merge(&n.base)
	m.delta.merge(&n.delta)
	m.gained.merge(&n.gained)
	m.lost.merge(&n.lost)
	m.worst = max(m.worst, n.worst)
}

// stats turns sums into what is reported.
func (m *measures) stats(s *TensorStats) {
	s.Drift, s.BaseNorm, s.DeltaNorm, s.Retention = m.worst, m.base.sqrt(), m.delta.sqrt(), 1
	if d := m.delta.value(); d.Sign() > 0 {
		e := m.gained.value()
		e.Sub(e, m.lost.value())
		share, _ := e.Quo(e, d).Float64()
		s.Retention = 1 + share
	}
}

// stepped64 are the values of up to measureBlock elements.
type stepped64 struct{ base, delta, exact, written [measureBlock]float64 }

// block measures n elements that are held in b.
func (m *measures) block(b *stepped64, n int) {
	var base, delta, moved, worst float64
	for i := range n {
		e := b.written[i] - b.exact[i]
		base += float64(b.base[i] * b.base[i])
		delta += float64(b.delta[i] * b.delta[i])
		moved += float64(e * b.delta[i])
		worst = max(worst, math.Abs(e))
	}
	if finite(base) && finite(delta) && finite(moved) && finite(worst) {
		m.base.add(base)
		m.delta.add(delta)
		m.move(moved)
		m.worst = max(m.worst, worst)
		return
	}
	for i := range n {
		m.element(b.base[i], b.delta[i], b.exact[i], b.written[i])
	}
}

// element measures one element. One that is not finite, or whose squares are
// not, is left out: it is counted elsewhere.
func (m *measures) element(base, delta, exact, written float64) {
	e := written - exact
	b, d, moved := float64(base*base), float64(delta*delta), float64(e*delta)
	if !finite(b) || !finite(d) || !finite(moved) || !finite(e) {
		return
	}
	m.base.add(b)
	m.delta.add(d)
	m.move(moved)
	m.worst = max(m.worst, math.Abs(e))
}

func (m *measures) move(v float64) {
	if v < 0 {
		m.lost.add(-v)
	} else {
		m.gained.add(math.Abs(v)) // -0 is no summand
	}
}

func finite(v float64) bool { return math.Float64bits(v)&(0x7ff<<52) != 0x7ff<<52 }

// exactTile holds a tile in float64: what is stored, and what the terms add.
type exactTile struct {
	base, delta []float64
	values      stepped64
	raw         [8 * measureBlock]byte
	sums        measures
}

// measureTile brings a tile into float64: the stored values, and the terms.
func (e *executor) measureTile(k *worker, s *slab, u *unit, t box, strides []int) {
	if k.exact == nil {
		k.exact = &exactTile{base: make([]float64, tileElements), delta: make([]float64, tileElements)}
	}
	n := t.elements()
	k.gather(s, t, bytesOf64(k.exact.base[:n]), tensor.Float64)
	delta := k.exact.delta[:n]
	clear(delta)
	for i, term := range u.terms {
		k.merger.addExact(term, delta, k.operands[i], t, u.strides, strides)
	}
}

// measure compares what was written of a tile with what is exact, for the
// targets of one variant.
func (e *executor) measure(k *worker, u *unit, v *instVariant, t box, strides []int, written []byte) {
	x := k.exact
	if len(v.whole) > 0 {
		row := t.elements()
		if last := len(t.lo) - 1; last >= 0 {
			row = t.hi[last] - t.lo[last]
		}
		for at := 0; at < t.elements(); at += row {
			for i := at; i < at+row; i += measureBlock {
				n := min(measureBlock, at+row-i)
				x.load(u, v, written, i, n)
				x.sums.block(&x.values, n)
			}
		}
		for _, target := range v.whole {
			e.tally.measured(target, &x.sums)
		}
		x.sums = measures{}
	}
	for j := range v.subs {
		sub := &v.subs[j]
		if !v.parts[sub.tensor] {
			continue
		}
		k.cut.emit = func(p *piece) {
			eachElement(p, 0, func(at []int) {
				o := 0
				for i, c := range at {
					o += (c - t.lo[i]) * strides[i]
				}
				x.load(u, v, written, o, 1)
				x.sums.element(x.values.base[0], x.values.delta[0], x.values.exact[0], x.values.written[0])
			})
		}
		k.cut.cut(sub, t)
		e.tally.measured(sub.tensor, &x.sums)
		x.sums = measures{}
	}
}

// load puts n elements of the tile, from i on, through the steps of v.
func (x *exactTile) load(u *unit, v *instVariant, written []byte, i, n int) {
	b := &x.values
	copy(b.base[:n], x.base[i:])
	copy(b.delta[:n], x.delta[i:])
	for j := range n {
		b.exact[j] = b.base[j] + b.delta[j]
	}
	for _, s := range v.steps {
		step64(b.base[:n], s, true)
		step64(b.delta[:n], s, false)
		step64(b.exact[:n], s, true)
	}
	if len(u.terms) == 0 {
		clear(b.base[:n]) // nothing was added to it
	}
	size := v.dtype.Size()
	must(tensor.Convert(x.raw[:8*n], tensor.Float64, written[i*size:(i+n)*size], v.dtype))
	for j := range n {
		b.written[j] = math.Float64frombits(binary.LittleEndian.Uint64(x.raw[8*j:]))
	}
}

// step64 is a step in float64; an offset moves values, and no differences.
func step64(w []float64, s plan.Step, offset bool) {
	for i := range w {
		switch c := float64(s.V); {
		case s.Op == plan.Mul:
			w[i] *= c
		case s.Op == plan.Div:
			w[i] /= c
		case offset:
			w[i] += c
		}
	}
}

// addExact adds the product of t, in float64, to w.
func (m *merger) addExact(t *term, w []float64, h held, b box, leaf, tile []int) {
	m.wide = w
	m.t, m.held, m.box, m.leaf, m.tile, m.dims = t, h, b, leaf, tile, m.dims[:0]
	m.axis(len(b.lo)-1, 0, 0)
	m.wide = nil
}

// productExact is the last step of loop for addExact.
func (m *merger) productExact(row, col leafDim, tileAt, rowsAt, colsAt, ldw int) {
	t := m.t
	kernel.Product64(m.wide[tileAt:], ldw, m.rows[rowsAt:], t.k*(row.leaf/t.c), m.cols[colsAt:], m.ldc, row.size, col.size, t.k, t.scale)
}
