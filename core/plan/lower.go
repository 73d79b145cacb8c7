package plan

import (
	"fmt"
	"sort"

	"github.com/loraconv/loraconv/core/tensor"
)

// Piece is a box of an output tensor whose elements come, each, from one
// element of one leaf. An expression lowers to a list of pieces that tile its
// output exactly:
//
//	out[Dst + sum i_k*Dims[k].Dst] = steps(leaf[Src + sum i_k*Dims[k].Src])
//
// for every i with 0 <= i_k < Dims[k].Size. Offsets and strides count
// elements: Src those of the whole stored source tensor in C order, Dst those
// of the output tensor in C order.
type Piece struct {
	Leaf     *Leaf   // nil where the piece is a constant
	Value    float32 // of a constant, before Steps
	Steps    []Step
	Dims     []Dim // sorted by Dst, largest first; none has size 1
	Src, Dst int
}

// Leaf is the value that a piece reads: a source tensor, indexed, with the
// terms that are merged into it.
type Leaf struct {
	Source *Source
	Terms  []Term
}

// Dim is one axis of a piece.
type Dim struct{ Size, Src, Dst int }

// Step is one elementwise float32 operation.
type Step struct {
	Op StepOp
	V  float32
}

// StepOp is the operation of a Step.
type StepOp uint8

// The operations.
const (
	Mul StepOp = iota
	Div
	Add
)

// Elements returns the number of output elements that the piece covers.
func (p *Piece) Elements() int {
	n := 1
	for _, d := range p.Dims {
		n *= d.Size
	}
	return n
}

// Lower returns the pieces of x. x must have passed Infer.
func Lower(x Expr, m Manifests) ([]Piece, error) { return lowerWithin(x, m, newBudget()) }

func lowerWithin(x Expr, m Manifests, b *budget) ([]Piece, error) {
	_, ps, err := lower(x, m, 0, b)
	if err != nil {
		return nil, err
	}
	for i := range ps {
		ps[i].coalesce()
	}
	return ps, nil
}

func lower(x Expr, m Manifests, depth int, b *budget) (tensor.Shape, []Piece, error) {
	if depth > maxDepth {
		return nil, nil, fmt.Errorf("expression is nested deeper than %d", maxDepth)
	}
	switch x := x.(type) {
	case *Source:
		return lowerSource(x, nil, m)
	case *Merge:
		return lowerSource(x.Base, x.Terms, m)
	case *Fill:
		p := Piece{Value: x.Value}
		for i, st := range x.Shape.Strides() {
			p.Dims = append(p.Dims, Dim{Size: x.Shape[i], Dst: st})
		}
		return x.Shape, []Piece{p}, nil
	case *Rearrange:
		return lowerRearrange(x, m, depth, b)
	case *Concat:
		return lowerConcat(x, m, depth, b)
	case *Slice:
		return lowerSlice(x, m, depth, b)
	case *Affine:
		s, ps, err := lower(x.X, m, depth+1, b)
		for i := range ps {
			ps[i].Steps = append(append([]Step{}, ps[i].Steps...), x.steps()...)
		}
		return s, ps, err
	}
	return nil, nil, fmt.Errorf("unknown expression %T", x)
}

func (x *Affine) steps() []Step {
	var out []Step
	if x.Mul != 0 {
		out = append(out, Step{Mul, x.Mul})
	}
	if x.Div != 0 {
		out = append(out, Step{Div, x.Div})
	}
	if x.Add != 0 {
		out = append(out, Step{Add, x.Add})
	}
	return out
}

func lowerSource(s *Source, terms []Term, m Manifests) (tensor.Shape, []Piece, error) {
	out, err := m.shapeOf(s)
	if err != nil {
		return nil, nil, err
	}
	t, err := m.Lookup(s)
	if err != nil {
		return nil, nil, err
	}
	strides := t.Shape.Strides()
	p := Piece{Leaf: &Leaf{Source: s, Terms: terms}}
	fixed := map[int]bool{}
	for _, at := range s.Index {
		p.Src += at.Pos * strides[at.Axis]
		fixed[at.Axis] = true
	}
	dst, k := out.Strides(), 0
	for axis, n := range t.Shape {
		if !fixed[axis] {
			p.Dims = append(p.Dims, Dim{Size: n, Src: strides[axis], Dst: dst[k]})
			k++
		}
	}
	return out, []Piece{p}, nil
}

func lowerRearrange(x *Rearrange, m Manifests, depth int, b *budget) (tensor.Shape, []Piece, error) {
	s, ps, err := lower(x.X, m, depth+1, b)
	if err != nil {
		return nil, nil, err
	}
	out, sizes, err := rearrangeShape(x, s)
	if err != nil {
		return nil, nil, err
	}
	pat, err := ParsePattern(x.Pattern)
	if err != nil {
		return nil, nil, err
	}
	strideOf := map[string]int{}
	labels, n := pat.Out.Labels(), 1
	for i := len(labels) - 1; i >= 0; i-- {
		strideOf[labels[i]] = n
		n *= sizes[labels[i]]
	}
	var atoms []atom
	for _, l := range pat.In.Labels() {
		atoms = append(atoms, atom{size: sizes[l], to: strideOf[l]})
	}
	ps, err = restride(ps, atoms, b)
	return out, ps, err
}

func lowerConcat(x *Concat, m Manifests, depth int, b *budget) (tensor.Shape, []Piece, error) {
	out, err := infer(x, m, depth)
	if err != nil {
		return nil, nil, err
	}
	var all []Piece
	start, strides := 0, out.Strides()
	for _, y := range x.Xs {
		s, ps, err := lower(y, m, depth+1, b)
		if err != nil {
			return nil, nil, err
		}
		ps, err = restride(ps, axesOf(s, strides), b)
		if err != nil {
			return nil, nil, err
		}
		for i := range ps {
			ps[i].Dst += start * strides[x.Axis]
		}
		start += s[x.Axis]
		all = append(all, ps...)
		if len(all) > maxPieces {
			return nil, nil, errTooFine
		}
	}
	return out, all, nil
}

func lowerSlice(x *Slice, m Manifests, depth int, b *budget) (tensor.Shape, []Piece, error) {
	s, ps, err := lower(x.X, m, depth+1, b)
	if err != nil {
		return nil, nil, err
	}
	out := append(tensor.Shape{}, s...)
	out[x.Axis] = x.Size
	old := s.Strides()
	ps, err = restride(ps, axesOf(s, old), b) // each dim within one axis
	if err != nil {
		return nil, nil, err
	}
	var cut []Piece
	for _, p := range ps {
		c := clipper{stride: old[x.Axis], size: s[x.Axis], lo: x.Start, hi: x.Start + x.Size, out: &cut, b: b}
		if err := c.clip(p); err != nil {
			return nil, nil, err
		}
	}
	for i := range cut {
		cut[i].Dst -= x.Start * old[x.Axis]
	}
	cut, err = restride(cut, axesOf(s, out.Strides()), b)
	return out, cut, err
}

func axesOf(s tensor.Shape, to []int) []atom {
	atoms := make([]atom, len(s))
	for i := range s {
		atoms[i] = atom{size: s[i], to: to[i]}
	}
	return atoms
}

// coalesce sorts the dims and joins neighbours that step as one.
func (p *Piece) coalesce() {
	kept := p.Dims[:0:0]
	for _, d := range p.Dims {
		if d.Size != 1 {
			kept = append(kept, d)
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].Dst > kept[j].Dst })
	out := kept[:0]
	for _, d := range kept {
		if n := len(out); n > 0 && out[n-1].Dst == d.Dst*d.Size && out[n-1].Src == d.Src*d.Size {
			out[n-1] = Dim{Size: out[n-1].Size * d.Size, Src: d.Src, Dst: d.Dst}
			continue
		}
		out = append(out, d)
	}
	p.Dims = out
}
