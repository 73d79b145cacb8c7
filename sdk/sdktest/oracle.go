package sdktest

import (
	"fmt"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// Evaluate computes every tensor of a plan over tiny checkpoints, by source
// name, in float64 and straight from the definitions: the arithmetic of the
// plan without its roundings. It is slow, and shares nothing with loraconv's
// engine but the parser of patterns. Compare what it gives with the framework's
// own equations, written by hand over Checkpoint.Array: that is the test of the
// rows' formulas. A plan that cannot be computed is an error; plan.Check says
// more of it.
func Evaluate(p *plan.Plan, sources map[string]*Checkpoint) (out map[string]Array, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("the plan cannot be evaluated: %v", r)
		}
	}()
	o := oracle(sources)
	out = map[string]Array{}
	for i := range p.Tensors {
		t := &p.Tensors[i]
		a := o.eval(t.Expr)
		if !a.Shape.Equal(t.Shape) {
			return nil, fmt.Errorf("%s: the plan says shape %v, its expression gives %v", t.Name, t.Shape, a.Shape)
		}
		out[t.Name] = a
	}
	return out, nil
}

// oracle panics where a plan cannot be evaluated; plan.Check finds that first.
type oracle map[string]*Checkpoint

func (o oracle) eval(x plan.Expr) Array {
	switch x := x.(type) {
	case *plan.Source:
		return o.source(x)
	case *plan.Merge:
		base := o.source(x.Base)
		sum := build(base.Shape, func(at []int) float64 { return base.At(at...) })
		for i := range x.Terms {
			o.addTerm(sum, &x.Terms[i])
		}
		return sum
	case *plan.Rearrange:
		return rearrange(o.eval(x.X), x)
	case *plan.Concat:
		return o.concat(x)
	case *plan.Slice:
		in := o.eval(x.X)
		shape := append(tensor.Shape(nil), in.Shape...)
		shape[x.Axis] = x.Size
		return build(shape, func(at []int) float64 {
			from := append([]int(nil), at...)
			from[x.Axis] += x.Start
			return in.At(from...)
		})
	case *plan.Affine:
		in := o.eval(x.X)
		return build(in.Shape, func(at []int) float64 {
			v := in.At(at...)
			if x.Mul != 0 {
				v *= float64(x.Mul)
			}
			if x.Div != 0 {
				v /= float64(x.Div)
			}
			return v + float64(x.Add)
		})
	case *plan.Fill:
		return build(x.Shape, func([]int) float64 { return float64(x.Value) })
	}
	panic(fmt.Sprintf("unknown expression %T", x))
}

// build makes an array, index by index in C order.
func build(shape tensor.Shape, value func(at []int) float64) Array {
	a := Array{Shape: append(tensor.Shape(nil), shape...), Values: make([]float64, shape.Elements())}
	at := make([]int, len(shape))
	for i := range a.Values {
		for x, rest := len(shape)-1, i; x >= 0; x-- {
			at[x], rest = rest%shape[x], rest/shape[x]
		}
		a.Values[i] = value(at)
	}
	return a
}

func (o oracle) source(s *plan.Source) Array {
	c, ok := o[s.From]
	if !ok {
		panic(fmt.Sprintf("no source %q", s.From))
	}
	in := c.Array(s.Name)
	fixed := map[int]int{}
	for _, at := range s.Index {
		fixed[at.Axis] = at.Pos
	}
	var shape tensor.Shape
	for x, n := range in.Shape {
		if _, ok := fixed[x]; !ok {
			shape = append(shape, n)
		}
	}
	return build(shape, func(at []int) float64 {
		full, next := make([]int, len(in.Shape)), 0
		for x := range full {
			if pos, ok := fixed[x]; ok {
				full[x] = pos
			} else {
				full[x], next = at[next], next+1
			}
		}
		return in.At(full...)
	})
}

// labels is a position of each label of a pattern.
type labels map[string]int

// sizesOf adds the sizes that a shape gives to the labels of its axes.
func sizesOf(axes plan.Axes, shape tensor.Shape, sizes labels) {
	for x, axis := range axes {
		rest, open := shape[x], ""
		for _, l := range axis {
			if n, ok := sizes[l]; ok {
				rest /= n
			} else if open != "" {
				panic(fmt.Sprintf("the sizes of %q and %q are both unknown", open, l))
			} else {
				open = l
			}
		}
		if open != "" {
			sizes[open] = rest
		}
	}
}

// place is the index that an array with these axes has at a position.
func place(axes plan.Axes, sizes, at labels) []int {
	out := make([]int, len(axes))
	for x, axis := range axes {
		for _, l := range axis {
			out[x] = out[x]*sizes[l] + at[l]
		}
	}
	return out
}

// each visits every position of the labels.
func each(names []string, sizes, at labels, visit func()) {
	if len(names) == 0 {
		visit()
		return
	}
	for i := range sizes[names[0]] {
		at[names[0]] = i
		each(names[1:], sizes, at, visit)
	}
}

// addTerm adds scale * einsum(a, b): for every position of every label the
// product of the two elements goes to its place in the sum.
func (o oracle) addTerm(sum Array, t *plan.Term) {
	e, err := plan.ParseEinsum(t.Einsum)
	if err != nil {
		panic(err)
	}
	a, b := o.source(t.A), o.source(t.B)
	sizes := labels{}
	// A group is settled by the operand that has its labels apart.
	for range 2 {
		for _, p := range []struct {
			axes  plan.Axes
			shape tensor.Shape
		}{{e.A, a.Shape}, {e.B, b.Shape}, {e.Out, sum.Shape}} {
			apart := plan.Axes{}
			var shape tensor.Shape
			for x, axis := range p.axes {
				if unknown(axis, sizes) <= 1 {
					apart, shape = append(apart, axis), append(shape, p.shape[x])
				}
			}
			sizesOf(apart, shape, sizes)
		}
	}
	names := e.A.Labels()
	for _, l := range e.B.Labels() {
		if e.Class[l] == plan.Right || e.Class[l] == plan.SumB {
			names = append(names, l)
		}
	}
	at := labels{}
	each(names, sizes, at, func() {
		v := a.At(place(e.A, sizes, at)...) * b.At(place(e.B, sizes, at)...)
		sum.Values[offset(sum.Shape, place(e.Out, sizes, at))] += float64(t.Scale) * v
	})
}

func unknown(axis []string, sizes labels) (n int) {
	for _, l := range axis {
		if _, ok := sizes[l]; !ok {
			n++
		}
	}
	return n
}

func rearrange(in Array, x *plan.Rearrange) Array {
	p, err := plan.ParsePattern(x.Pattern)
	if err != nil {
		panic(err)
	}
	sizes := labels{}
	for l, n := range x.Sizes {
		sizes[l] = n
	}
	sizesOf(p.In, in.Shape, sizes)
	shape := make(tensor.Shape, len(p.Out))
	for i, axis := range p.Out {
		shape[i] = 1
		for _, l := range axis {
			shape[i] *= sizes[l]
		}
	}
	out := build(shape, func([]int) float64 { return 0 })
	at := labels{}
	each(p.In.Labels(), sizes, at, func() {
		out.Values[offset(shape, place(p.Out, sizes, at))] = in.At(place(p.In, sizes, at)...)
	})
	return out
}

func (o oracle) concat(x *plan.Concat) Array {
	var parts []Array
	var shape tensor.Shape
	for _, y := range x.Xs {
		a := o.eval(y)
		parts = append(parts, a)
		if shape == nil {
			shape = append(shape, a.Shape...)
		} else {
			shape[x.Axis] += a.Shape[x.Axis]
		}
	}
	return build(shape, func(at []int) float64 {
		from := append([]int(nil), at...)
		for _, a := range parts {
			if from[x.Axis] < a.Shape[x.Axis] {
				return a.At(from...)
			}
			from[x.Axis] -= a.Shape[x.Axis]
		}
		panic("beyond the parts")
	})
}
