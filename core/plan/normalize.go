package plan

import "slices"

// Normalize brings every expression of p into normal form, in place, so that
// the digest says what is computed and not how a row happened to be written.
// The host calls it on what a plugin returned, before Check.
//
//	rearrange(x, "a b -> a b")                 x
//	rearrange(rearrange(x, p), q)              rearrange(x, p then q), where the axes between them fit
//	concat([x], axis)                          x
//	concat([concat([x, y], 0), z], 0)          concat([x, y, z], 0)
//	slice(slice(x, axis, 4, 8), axis, 1, 2)    slice(x, axis, 5, 2)
//	affine(x, mul = 1)                         x
//	merge(x) without terms                     x
//	"a  b->b (a)"                              "a b -> b a": spacing of patterns and einsums
//
// It does not rename labels, push indices or slices through a rearrange, pull
// factors together (each is rounded on its own), reorder terms, or drop sizes
// that the shapes imply: for that it would have to know shapes. What it cannot
// read it leaves as it is, for Check to refuse. A plan that Check refuses may
// pass once normalised only where what was wrong had no effect, such as a
// factor of 1 on an integer tensor.
func Normalize(p *Plan) {
	for i := range p.Tensors {
		p.Tensors[i].Expr = normal(p.Tensors[i].Expr, 0)
	}
}

func normal(x Expr, depth int) Expr {
	if depth > maxDepth {
		return x
	}
	switch x := x.(type) {
	case *Merge:
		return normalMerge(x)
	case *Rearrange:
		return normalRearrange(&Rearrange{X: normal(x.X, depth+1), Pattern: x.Pattern, Sizes: x.Sizes})
	case *Concat:
		return normalConcat(x, depth)
	case *Slice:
		y := &Slice{X: normal(x.X, depth+1), Axis: x.Axis, Start: x.Start, Size: x.Size}
		in, ok := y.X.(*Slice)
		if ok && in.Axis == y.Axis && y.Start >= 0 && y.Size >= 0 && in.Start >= 0 && y.Start <= in.Size-y.Size {
			return &Slice{X: in.X, Axis: y.Axis, Start: in.Start + y.Start, Size: y.Size}
		}
		return y
	case *Affine:
		y := &Affine{X: normal(x.X, depth+1), Mul: x.Mul, Div: x.Div, Add: x.Add}
		if y.Mul == 1 && y.Div == 0 {
			y.Mul = 0
		}
		if y.Div == 1 && y.Mul == 0 {
			y.Div = 0
		}
		if len(y.steps()) == 0 {
			return y.X
		}
		return y
	}
	return x
}

func normalMerge(x *Merge) Expr {
	if len(x.Terms) == 0 {
		return x.Base
	}
	y := &Merge{Base: x.Base, Terms: slices.Clone(x.Terms)}
	for i, t := range y.Terms {
		if e, err := ParseEinsum(t.Einsum); err == nil {
			y.Terms[i].Einsum = e.String()
		}
	}
	return y
}

func normalConcat(x *Concat, depth int) Expr {
	y := &Concat{Axis: x.Axis}
	for _, part := range x.Xs {
		part = normal(part, depth+1)
		if c, ok := part.(*Concat); ok && c.Axis == y.Axis {
			y.Xs = append(y.Xs, c.Xs...)
			continue
		}
		y.Xs = append(y.Xs, part)
	}
	if len(y.Xs) == 1 && y.Axis >= 0 {
		return y.Xs[0]
	}
	return y
}

// normalRearrange drops what moves nothing, and joins x with a rearrange below
// it.
func normalRearrange(x *Rearrange) Expr {
	p, err := ParsePattern(x.Pattern)
	if err != nil || !sizesFit(x.Sizes, p) {
		return x
	}
	x.Pattern = p.String()
	if len(x.Sizes) == 0 {
		x.Sizes = nil
	}
	if in, ok := x.X.(*Rearrange); ok {
		q, err := ParsePattern(in.Pattern)
		if err == nil && sizesFit(in.Sizes, q) {
			if joined := compose(in, q, x, p); joined != nil {
				return normalRearrange(joined)
			}
		}
	}
	if p.In.String() == p.Out.String() && len(x.Sizes) == 0 {
		return x.X
	}
	return x
}

func sizesFit(sizes map[string]int, p Pattern) bool {
	labels := p.In.Labels()
	if len(sizes) > len(labels) {
		return false
	}
	for l, n := range sizes {
		if n < 1 || !slices.Contains(labels, l) {
			return false
		}
	}
	return true
}

// compose joins first (pattern p) and then (pattern q). Axis by axis, what p
// gives and q takes must be one label on one side at least: then that label
// stands for what the other side says. It returns nil where that does not hold.
//
//	"x0 x1 -> 1 x0 x1" then "s e d -> e (d s)":  s is an empty axis
//	"a b -> (a b)"     then "y z -> z y":        y stands for a b
//	"d x -> x d"       then "(n h) d -> n d h":  x stands for n h
func compose(first *Rearrange, p Pattern, then *Rearrange, q Pattern) *Rearrange {
	if len(p.Out) != len(q.In) {
		return nil
	}
	fresh := freshNames(p.In.Labels(), q.In.Labels())
	left, right := map[string][]string{}, map[string][]string{} // label of p, of q -> labels of the result
	sizes := map[string]int{}
	for i, have := range p.Out {
		want := q.In[i]
		switch {
		case len(want) == 1: // q's label stands for p's group
			if _, stated := then.Sizes[want[0]]; stated {
				return nil
			}
			right[want[0]] = have
			for _, l := range have {
				left[l] = []string{l}
			}
		case len(have) == 1 && len(want) > 1 && alone(p.In, have[0]): // p's label stands for q's group
			if _, stated := first.Sizes[have[0]]; stated {
				return nil
			}
			for _, l := range want {
				right[l] = []string{fresh[l]}
				left[have[0]] = append(left[have[0]], fresh[l])
				if n, ok := then.Sizes[l]; ok {
					sizes[fresh[l]] = n
				}
			}
		case len(have) == 0 && len(want) == 0:
		default:
			return nil
		}
	}
	for l, n := range first.Sizes {
		sizes[l] = n
	}
	out := &Rearrange{X: first.X, Pattern: Pattern{expand(p.In, left), expand(q.Out, right)}.String()}
	if len(sizes) > 0 {
		out.Sizes = sizes
	}
	if _, err := ParsePattern(out.Pattern); err != nil {
		return nil
	}
	return out
}

// alone reports whether l is an axis of its own.
func alone(a Axes, l string) bool {
	for _, ax := range a {
		if slices.Contains(ax, l) {
			return len(ax) == 1
		}
	}
	return false
}

func expand(a Axes, by map[string][]string) Axes {
	out := make(Axes, len(a))
	for i, ax := range a {
		out[i] = []string{}
		for _, l := range ax {
			out[i] = append(out[i], by[l]...)
		}
	}
	return out
}

// freshNames gives each label of q a name that no label of p has.
func freshNames(p, q []string) map[string]string {
	taken := map[string]bool{}
	for _, l := range append(slices.Clone(p), q...) {
		taken[l] = true
	}
	out := map[string]string{}
	for _, l := range q {
		n := l
		for slices.Contains(p, n) || n != l && taken[n] {
			n += "_"
		}
		taken[n] = true
		out[l] = n
	}
	return out
}
