package rebuild

import (
	"context"
	"fmt"
	"math"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// elements are those of one piece of a lowered delta.
type elements struct {
	piece *plan.Piece
	axes  []axis // of the leaf, after indexing, outermost first
	terms []term
}

// axis is one axis of the stored base that is not indexed.
type axis struct{ stride, size int }

// term is one product. A label's stride is 0 in a factor that lacks it.
type term struct {
	a, b    []float64
	scale   float64
	labels  []label // of the result, each within one axis of the leaf
	a0, b0  int
	summed  [][2]int // offsets of the products that are added up
	labelAt []int    // number of labels before each axis
}

type label struct{ size, a, b int }

func newElements(p *plan.Piece, m plan.Manifests, f *reader) (*elements, error) {
	e := &elements{piece: p}
	if p.Leaf == nil {
		if p.Value != 0 {
			return nil, fmt.Errorf("a constant %v is in a delta", p.Value)
		}
		return e, nil
	}
	base, err := m.Lookup(p.Leaf.Source)
	if err != nil {
		return nil, err
	}
	var leaf tensor.Shape
	fixed := positions(p.Leaf.Source)
	for x, st := range base.Shape.Strides() {
		if _, ok := fixed[x]; !ok {
			e.axes = append(e.axes, axis{st, base.Shape[x]})
			leaf = append(leaf, base.Shape[x])
		}
	}
	for i := range p.Leaf.Terms {
		t, err := newTerm(&p.Leaf.Terms[i], leaf, m, f)
		if err != nil {
			return nil, err
		}
		e.terms = append(e.terms, *t)
	}
	return e, nil
}

func positions(s *plan.Source) map[int]int {
	out := map[int]int{}
	for _, at := range s.Index {
		out[at.Axis] = at.Pos
	}
	return out
}

func newTerm(t *plan.Term, leaf tensor.Shape, m plan.Manifests, f *reader) (*term, error) {
	e, err := plan.ParseEinsum(t.Einsum)
	if err != nil {
		return nil, err
	}
	out := &term{scale: float64(t.Scale)}
	var (
		shapes  [2]tensor.Shape
		strides [2][]int
		starts  [2]int
		values  [2][]float64
	)
	for i, s := range []*plan.Source{t.A, t.B} {
		stored, err := m.Lookup(s)
		if err != nil {
			return nil, err
		}
		fixed := positions(s)
		for x, n := range stored.Shape {
			if _, ok := fixed[x]; !ok {
				shapes[i] = append(shapes[i], n)
			}
		}
		if values[i], strides[i], starts[i], err = f.get(s, stored.Shape); err != nil {
			return nil, err
		}
	}
	sizes, err := e.Bind(shapes[0], shapes[1], leaf)
	if err != nil {
		return nil, err
	}
	out.a, out.b = values[0], values[1]
	out.a0, out.b0 = starts[0], starts[1]
	sa, sb := labelStrides(e.A, strides[0], sizes), labelStrides(e.B, strides[1], sizes)
	result := map[string]bool{}
	for _, ax := range e.Out {
		out.labelAt = append(out.labelAt, len(out.labels))
		for _, l := range ax {
			result[l] = true
			out.labels = append(out.labels, label{sizes[l], sa[l], sb[l]})
		}
	}
	out.summed = [][2]int{{0, 0}}
	done := map[string]bool{}
	for _, l := range append(e.A.Labels(), e.B.Labels()...) {
		if result[l] || done[l] {
			continue
		}
		done[l] = true
		var next [][2]int
		for _, at := range out.summed {
			for i := range sizes[l] {
				next = append(next, [2]int{at[0] + i*sa[l], at[1] + i*sb[l]})
			}
		}
		out.summed = next
	}
	return out, nil
}

// labelStrides is by how much each label advances in a stored factor.
func labelStrides(axes plan.Axes, strides []int, sizes map[string]int) map[string]int {
	out := map[string]int{}
	for i, ax := range axes {
		n := strides[i]
		for k := len(ax) - 1; k >= 0; k-- {
			out[ax[k]] = n
			n *= sizes[ax[k]]
		}
	}
	return out
}

// each visits the elements: the place in the weight, the value, and the sum of
// the sizes of its summands.
func (e *elements) each(ctx context.Context, visit func(dst int, value, size float64)) error {
	n := e.piece.Elements()
	at := make([]int, len(e.piece.Dims))
	src, dst := e.piece.Src, e.piece.Dst
	for i := range n {
		if i&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		v, size := e.value(src)
		visit(dst, v, size)
		for x := len(at) - 1; x >= 0; x-- {
			d := &e.piece.Dims[x]
			at[x]++
			src, dst = src+d.Src, dst+d.Dst
			if at[x] < d.Size {
				break
			}
			src, dst, at[x] = src-d.Size*d.Src, dst-d.Size*d.Dst, 0
		}
	}
	return nil
}

// value works out one element of the leaf, which lies at src in the stored
// base, and takes it through the steps of the row.
func (e *elements) value(src int) (v, size float64) {
	for i := range e.terms {
		t := &e.terms[i]
		a, b := t.a0, t.b0
		for x, ax := range e.axes {
			c := src / ax.stride % ax.size
			end := len(t.labels)
			if x+1 < len(t.labelAt) {
				end = t.labelAt[x+1]
			}
			for k := end - 1; k >= t.labelAt[x]; k-- {
				l := &t.labels[k]
				p := c % l.size
				c /= l.size
				a, b = a+p*l.a, b+p*l.b
			}
		}
		sum, sizes := 0.0, 0.0
		for _, s := range t.summed {
			p := t.a[a+s[0]] * t.b[b+s[1]]
			sum += p
			sizes += math.Abs(p)
		}
		v += t.scale * sum
		size += math.Abs(t.scale) * sizes
	}
	for _, s := range e.piece.Steps {
		switch s.Op {
		case plan.Mul:
			v, size = v*float64(s.V), size*math.Abs(float64(s.V))
		case plan.Div:
			v, size = v/float64(s.V), size/math.Abs(float64(s.V))
		}
	}
	return v, size
}
