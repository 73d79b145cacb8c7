package mappingtest

import (
	"fmt"
	"slices"
)

// Array is an array of numbers in C order, with what numpy does to one. It
// panics where numpy raises.
type Array struct {
	Shape []int
	V     []float64
}

func product(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// build makes an array of the shape whose element at a position is what f says.
func build(shape []int, f func(at []int) float64) Array {
	a := Array{shape, make([]float64, product(shape))}
	at := make([]int, len(shape))
	for i := range a.V {
		for k, rest := len(shape)-1, i; k >= 0; k-- {
			at[k], rest = rest%shape[k], rest/shape[k]
		}
		a.V[i] = f(at)
	}
	return a
}

func (a Array) get(at []int) float64 {
	i := 0
	for k, p := range at {
		i = i*a.Shape[k] + p
	}
	return a.V[i]
}

// transpose has as its axis k the axis perm[k] of a.
func (a Array) transpose(perm ...int) Array {
	shape, from := make([]int, len(perm)), make([]int, len(perm))
	for k, p := range perm {
		shape[k] = a.Shape[p]
	}
	return build(shape, func(at []int) float64 {
		for k, p := range perm {
			from[p] = at[k]
		}
		return a.get(from)
	})
}

// t turns the axes round.
func (a Array) t() Array {
	perm := make([]int, len(a.Shape))
	for k := range perm {
		perm[k] = len(perm) - 1 - k
	}
	return a.transpose(perm...)
}

func (a Array) reshape(shape ...int) Array {
	if product(shape) != len(a.V) {
		panic(fmt.Sprintf("%v is no %v", a.Shape, shape))
	}
	return Array{shape, a.V}
}

func (a Array) flat() Array { return a.reshape(len(a.V)) }

// cut takes positions from lo, up to hi, along an axis.
func (a Array) cut(axis, lo, hi int) Array {
	shape := slices.Clone(a.Shape)
	shape[axis] = hi - lo
	return build(shape, func(at []int) float64 {
		from := slices.Clone(at)
		from[axis] += lo
		return a.get(from)
	})
}

// every takes each second position of the last axis, from the first one given.
func (a Array) every(first int) Array {
	shape := slices.Clone(a.Shape)
	shape[len(shape)-1] /= 2
	return build(shape, func(at []int) float64 {
		from := slices.Clone(at)
		from[len(from)-1] = 2*from[len(from)-1] + first
		return a.get(from)
	})
}

// Concat joins arrays along an axis.
func Concat(axis int, xs ...Array) Array {
	shape := slices.Clone(xs[0].Shape)
	for _, x := range xs[1:] {
		shape[axis] += x.Shape[axis]
	}
	return build(shape, func(at []int) float64 {
		from := slices.Clone(at)
		for _, x := range xs {
			if from[axis] < x.Shape[axis] {
				return x.get(from)
			}
			from[axis] -= x.Shape[axis]
		}
		panic("concat")
	})
}

func (a Array) each(f func(float64) float64) Array {
	out := Array{a.Shape, make([]float64, len(a.V))}
	for i, x := range a.V {
		out.V[i] = f(x)
	}
	return out
}

func last(n int, swapped bool) []int {
	perm := make([]int, n)
	for k := range perm {
		perm[k] = k
	}
	if swapped {
		perm[n-1], perm[n-2] = n-2, n-1
	}
	return perm
}

// swap exchanges the last two axes.
func (a Array) swap() Array { return a.transpose(last(len(a.Shape), true)...) }
