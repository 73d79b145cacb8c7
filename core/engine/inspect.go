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
