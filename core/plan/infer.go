package plan

import (
	"fmt"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Manifests gives the manifest of each source by its name in the plan.
type Manifests map[string]*manifest.Manifest

// Lookup returns the tensor that a source node names.
func (m Manifests) Lookup(s *Source) (*manifest.Tensor, error) {
	man, ok := m[s.From]
	if !ok {
		return nil, fmt.Errorf("no source is named %q", s.From)
	}
	t := man.Lookup(s.Name)
	if t == nil {
		return nil, fmt.Errorf("source %q has no parameter %q", s.From, s.Name)
	}
	return t, nil
}

// shapeOf returns the shape of a source node after indexing.
func (m Manifests) shapeOf(s *Source) (tensor.Shape, error) {
	t, err := m.Lookup(s)
	if err != nil {
		return nil, err
	}
	fixed := map[int]bool{}
	last := -1
	for _, at := range s.Index {
		if at.Axis <= last || at.Axis >= len(t.Shape) {
			return nil, fmt.Errorf("%s: index on axis %d is out of order or outside the shape %v", s.Name, at.Axis, t.Shape)
		}
		if at.Pos < 0 || at.Pos >= t.Shape[at.Axis] {
			return nil, fmt.Errorf("%s: index %d on axis %d is outside the shape %v", s.Name, at.Pos, at.Axis, t.Shape)
		}
		fixed[at.Axis], last = true, at.Axis
	}
	out := tensor.Shape{}
	for i, n := range t.Shape {
		if !fixed[i] {
			out = append(out, n)
		}
	}
	return out, nil
}

const maxDepth = 16 // of an expression

// Infer returns the shape of x, or says why x cannot be computed.
func Infer(x Expr, m Manifests) (tensor.Shape, error) { return infer(x, m, 0) }

func infer(x Expr, m Manifests, depth int) (tensor.Shape, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("expression is nested deeper than %d", maxDepth)
	}
	switch x := x.(type) {
	case *Source:
		return m.shapeOf(x)
	case *Merge:
		return inferMerge(x, m)
	case *Rearrange:
		s, err := infer(x.X, m, depth+1)
		if err != nil {
			return nil, err
		}
		out, _, err := rearrangeShape(x, s)
		return out, err
	case *Concat:
		return inferConcat(x, m, depth)
	case *Slice:
		s, err := infer(x.X, m, depth+1)
		if err != nil {
			return nil, err
		}
		if x.Axis < 0 || x.Axis >= len(s) || x.Start < 0 || x.Size < 0 || x.Start > s[x.Axis]-x.Size {
			return nil, fmt.Errorf("slice of %d from %d on axis %d is outside the shape %v", x.Size, x.Start, x.Axis, s)
		}
		out := append(tensor.Shape{}, s...)
		out[x.Axis] = x.Size
		return out, nil
	case *Affine:
		if x.Mul != 0 && x.Div != 0 {
			return nil, fmt.Errorf("affine has both mul and div")
		}
		return infer(x.X, m, depth+1)
	case *Fill:
		if err := x.Shape.Check(tensor.Float32); err != nil {
			return nil, err
		}
		return x.Shape, nil
	}
	return nil, fmt.Errorf("unknown expression %T", x)
}

func inferMerge(x *Merge, m Manifests) (tensor.Shape, error) {
	base, err := m.shapeOf(x.Base)
	if err != nil {
		return nil, err
	}
	for _, t := range x.Terms {
		a, err := m.shapeOf(t.A)
		if err != nil {
			return nil, err
		}
		b, err := m.shapeOf(t.B)
		if err != nil {
			return nil, err
		}
		e, err := ParseEinsum(t.Einsum)
		if err != nil {
			return nil, err
		}
		if _, err := e.Bind(a, b, base); err != nil {
			return nil, fmt.Errorf("merge of %s: %s %v, %s %v, base %v: %w", x.Base.Name, t.A.Name, a, t.B.Name, b, base, err)
		}
	}
	return base, nil
}

func inferConcat(x *Concat, m Manifests, depth int) (tensor.Shape, error) {
	if len(x.Xs) == 0 {
		return nil, fmt.Errorf("concat of nothing")
	}
	var out tensor.Shape
	for i, y := range x.Xs {
		s, err := infer(y, m, depth+1)
		if err != nil {
			return nil, err
		}
		if x.Axis < 0 || x.Axis >= len(s) {
			return nil, fmt.Errorf("concat on axis %d of shape %v", x.Axis, s)
		}
		if i == 0 {
			out = append(tensor.Shape{}, s...)
			continue
		}
		if len(s) != len(out) {
			return nil, fmt.Errorf("concat of shapes %v and %v", out, s)
		}
		for j := range s {
			if j != x.Axis && s[j] != out[j] {
				return nil, fmt.Errorf("concat on axis %d of shapes %v and %v", x.Axis, out, s)
			}
		}
		out[x.Axis] += s[x.Axis]
	}
	if err := out.Check(tensor.Float64); err != nil {
		return nil, err
	}
	return out, nil
}

// rearrangeShape returns the shape of a rearrangement of s, and the sizes of
// its labels.
func rearrangeShape(x *Rearrange, s tensor.Shape) (tensor.Shape, map[string]int, error) {
	p, err := ParsePattern(x.Pattern)
	if err != nil {
		return nil, nil, err
	}
	sizes, labels := map[string]int{}, p.In.Labels()
	for _, l := range sortedKeys(x.Sizes) {
		n := x.Sizes[l]
		if n < 1 || !contains(labels, l) {
			return nil, nil, fmt.Errorf("pattern %q: size %s = %d", x.Pattern, l, n)
		}
		sizes[l] = n
	}
	if err := p.In.bind(s, sizes); err != nil {
		return nil, nil, fmt.Errorf("pattern %q: %w", x.Pattern, err)
	}
	out, err := p.Out.shape(sizes)
	if err != nil {
		return nil, nil, fmt.Errorf("pattern %q: %w", x.Pattern, err)
	}
	return out, sizes, nil
}
