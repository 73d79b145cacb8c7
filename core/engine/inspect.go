package engine

import "github.com/loraconv/loraconv/core/tensor"

// inspect looks at every element that v takes of part, after a scan found one
// that is not finite, and says for each where it came from. data holds the
// elements of b as they are written; exact holds them before they were rounded
// to the output's type, nil where there was no arithmetic.
func (e *executor) inspect(k *worker, s *slab, v *instVariant, data []byte, exact []float32, b box, strides []int, part box) {
	size, from := v.dtype.Size(), s.base.dtype.Size()
	stored := s.base.shape.Strides()
	k.cut.emit = func(p *piece) {
		eachElement(p, 0, func(at []int) {
			i, j, flat := 0, 0, 0
			for x, c := range at {
				i += (c - b.lo[x]) * strides[x]
				j += (c - s.box.lo[x]) * k.slabStrides[x]
				flat += c * stored[x]
			}
			if isFinite(data[i*size:][:size], v.dtype) {
				return
			}
			what := narrowed
			switch {
			case !isFinite(s.data[j*from:][:from], s.base.dtype):
				what = inSource
			case exact != nil && !finite(float64(exact[i])):
				what = inResult
			}
			e.tally.value(p.tensor, s.base, what, flat)
		})
	}
	for i := range v.subs {
		k.cut.cut(&v.subs[i], part)
	}
}

func isFinite(b []byte, d tensor.DType) bool {
	nan, inf := tensor.CountNonFinite(b, d)
	return nan+inf == 0
}

// eachElement calls visit with the coordinates of each element of p, of which
// dims from k on are still to be counted through. It restores what it changes.
func eachElement(p *piece, k int, visit func(at []int)) {
	if k == len(p.dims) {
		visit(p.at)
		return
	}
	d := p.dims[k]
	for range d.size {
		eachElement(p, k+1, visit)
		p.at[d.axis] += d.step
	}
	p.at[d.axis] -= d.step * d.size
}

// measureTile adds the squares of a tile, before and after its terms, to the
// norms of the targets that it goes to.
func (e *executor) measureTile(k *worker, in *inst, t box, before, after []float32) {
	u := in.unit
	if len(u.whole) > 0 {
		k.blocks(t, before, after)
		for i, target := range u.whole {
			if i == len(u.whole)-1 {
				e.tally.norm(target, &k.norms)
			} else {
				n := k.norms
				e.tally.norm(target, &n)
			}
		}
		k.norms = norms{}
	}
	if len(u.parts) > 0 {
		e.measureParts(k, in, t, before, after)
	}
}

// blocks sums a whole tile by blocks; each row of it begins with one.
func (k *worker) blocks(t box, before, after []float32) {
	last := len(t.lo) - 1
	if last < 0 {
		k.norms.block(before, after)
		return
	}
	row := t.hi[last] - t.lo[last]
	for len(before) > 0 {
		for i := 0; i < row; i += normBlock {
			j := min(i+normBlock, row)
			k.norms.block(before[i:j], after[i:j])
		}
		before, after = before[row:], after[row:]
	}
}

// measureParts sums, element by element, what goes to targets that take a part
// of the unit only.
func (e *executor) measureParts(k *worker, in *inst, t box, before, after []float32) {
	strides := k.tileStrides[:len(t.lo)]
	for i := range in.variants {
		for j := range in.variants[i].subs {
			sub := &in.variants[i].subs[j]
			if !in.unit.parts[sub.tensor] {
				continue
			}
			k.cut.emit = func(p *piece) {
				eachElement(p, 0, func(at []int) {
					o := 0
					for x, c := range at {
						o += (c - t.lo[x]) * strides[x]
					}
					k.norms.element(before[o], after[o])
				})
			}
			k.cut.cut(sub, t)
			e.tally.norm(sub.tensor, &k.norms)
			k.norms = norms{}
		}
	}
}
