package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// equations that frameworks have used, and some that none would.
var equations = []string{
	"d r, r f -> d f", "r f, d r -> d f", "f r, r d -> d f", "l d r, l r f -> l d f", "d l r, r l f -> d l f",
	"n h r, m r d -> n h d", "d r, r (n h) -> d n h", "n d r, n r h -> n d h", "(n h) r, r d -> n h d",
	"d r s, s r f -> d f", "d r, r f -> f d", "n r, n r -> n", "d r, r -> d", "n d, n f -> d n f",
	"a b r, r c -> a c b", "q d r, q r f -> d q f", "d r, r f g -> d (f g)",
}

// TestRandomPlans compares plans made by chance with the oracle, in all ways.
func TestRandomPlans(t *testing.T) {
	n := 80
	if testing.Short() {
		n = 25
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := &generator{rng: rand.New(rand.NewPCG(7, uint64(seed))), arrays: map[string]*array{}}
			exprs, types := g.targets()
			l := newLineup(g.arrays)
			for i, x := range exprs {
				l.add(t, types[i], x)
			}
			l.check(t)
		})
	}
}

type generator struct {
	rng    *rand.Rand
	arrays map[string]*array
}

func (g *generator) pick(n int) int { return g.rng.IntN(n) }

func oneOf[T any](g *generator, v ...T) T { return v[g.pick(len(v))] }

func (g *generator) dtype() tensor.DType {
	return oneOf(g, tensor.BFloat16, tensor.Float32, tensor.Float16, tensor.BFloat16)
}

// array makes a source with a random chunk grid.
func (g *generator) array(d tensor.DType, shape tensor.Shape) string {
	chunk := append(tensor.Shape{}, shape...)
	for x := range chunk {
		if g.pick(2) == 0 {
			chunk[x] = 1 + g.pick(chunk[x])
		}
	}
	name := fmt.Sprintf("p%d", len(g.arrays))
	g.arrays[name] = randomArray(g.rng, d, shape, chunk)
	return name
}

// stacked makes a source of the given shape with a layer axis somewhere, or
// without one, and returns a node that picks a layer.
func (g *generator) stacked(d tensor.DType, shape tensor.Shape) *plan.Source {
	if g.pick(2) == 0 {
		return src(g.array(d, shape))
	}
	axis, layers := g.pick(len(shape)+1), 1+g.pick(3)
	full := append(append(append(tensor.Shape{}, shape[:axis]...), layers), shape[axis:]...)
	return src(g.array(d, full), plan.At{Axis: axis, Pos: g.pick(layers)})
}

// leaf makes a source, often with terms, and its shape.
func (g *generator) leaf() (plan.Expr, tensor.Shape) {
	eq := oneOf(g, equations...)
	e, err := plan.ParseEinsum(eq)
	must(err)
	sizes := map[string]int{}
	for l := range e.Class {
		sizes[l] = oneOf(g, 1, 2, 3, 5, 8, 9, 16, 17)
	}
	if l := e.Out.Labels(); g.pick(3) == 0 {
		sizes[l[len(l)-1]] = oneOf(g, 65, 130)
	}
	shape := func(axes plan.Axes) (s tensor.Shape) {
		for _, ax := range axes {
			n := 1
			for _, l := range ax {
				n *= sizes[l]
			}
			s = append(s, n)
		}
		return s
	}
	out := shape(e.Out)
	base := g.stacked(g.dtype(), out)
	if g.pick(4) == 0 {
		return base, out
	}
	m := &plan.Merge{Base: base}
	for range 1 + g.pick(2) {
		m.Terms = append(m.Terms, plan.Term{A: g.stacked(g.dtype(), shape(e.A)), B: g.stacked(g.dtype(), shape(e.B)), Einsum: eq, Scale: oneOf[float32](g, 1, 0.5, 0.37)})
	}
	return m, out
}

// moved puts some of rearrange, slice, affine and concat on top of x.
func (g *generator) moved(x plan.Expr, s tensor.Shape, depth int) (plan.Expr, tensor.Shape) {
	for range g.pick(4) {
		switch k := g.pick(6); {
		case k <= 2:
			x, s = g.rearranged(x, s)
		case k == 3 && len(s) > 0:
			axis := g.pick(len(s))
			start := g.pick(s[axis])
			size := 1 + g.pick(s[axis]-start)
			x = &plan.Slice{X: x, Axis: axis, Start: start, Size: size}
			s = append(tensor.Shape{}, s...)
			s[axis] = size
		case k == 4:
			x = &plan.Affine{X: x, Mul: oneOf[float32](g, 0, 2, 0.3), Add: oneOf[float32](g, 0, 1)}
		case k == 5 && len(s) > 0 && depth < 2:
			axis := g.pick(len(s))
			other := append(tensor.Shape{}, s...)
			other[axis] = 1 + g.pick(4)
			var y plan.Expr = &plan.Fill{Shape: other, Value: oneOf[float32](g, 0, 0, 1.5)}
			if g.pick(3) > 0 {
				y = g.stacked(g.dtype(), other)
			}
			xs := []plan.Expr{x, y}
			if g.pick(2) == 0 {
				xs = []plan.Expr{y, x}
			}
			x = &plan.Concat{Xs: xs, Axis: axis}
			s = append(tensor.Shape{}, s...)
			s[axis] += other[axis]
		}
	}
	return x, s
}

// rearranged splits axes into factors, shuffles them and joins some.
func (g *generator) rearranged(x plan.Expr, s tensor.Shape) (plan.Expr, tensor.Shape) {
	sizes := map[string]int{}
	var labels, in []string
	label := func(n int) string {
		l := fmt.Sprintf("x%d", len(labels))
		labels, sizes[l] = append(labels, l), n
		return l
	}
	for _, n := range s {
		f := 1 + g.pick(min(n, 4))
		if g.pick(2) == 0 && n%f == 0 {
			in = append(in, "("+label(n/f)+" "+label(f)+")")
		} else {
			in = append(in, label(n))
		}
	}
	order := append([]string{}, labels...)
	g.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var out []string
	var shape tensor.Shape
	for i := 0; i < len(order); {
		k := min(len(order)-i, 1+g.pick(2))
		n := 1
		for _, l := range order[i : i+k] {
			n *= sizes[l]
		}
		out, shape = append(out, "("+strings.Join(order[i:i+k], " ")+")"), append(shape, n)
		i += k
	}
	return &plan.Rearrange{X: x, Pattern: strings.Join(in, " ") + " -> " + strings.Join(out, " "), Sizes: sizes}, shape
}

// targets makes a few expressions; some share a leaf.
func (g *generator) targets() (xs []plan.Expr, types []tensor.DType) {
	var last plan.Expr
	var lastShape tensor.Shape
	for range 1 + g.pick(4) {
		x, s := last, lastShape
		if last == nil || g.pick(3) > 0 {
			x, s = g.leaf()
			last, lastShape = x, s
		}
		x, s = g.moved(x, s, 0)
		if g.pick(3) == 0 { // interleaved with a sibling
			y := plan.Expr(g.stacked(g.dtype(), s))
			one := func(x plan.Expr) plan.Expr {
				var in []string
				for i := range s {
					in = append(in, fmt.Sprintf("i%d", i))
				}
				p := strings.Join(in, " ")
				return &plan.Rearrange{X: x, Pattern: p + " -> " + p + " 1"}
			}
			x = &plan.Concat{Xs: []plan.Expr{one(x), one(y)}, Axis: len(s)}
		}
		xs = append(xs, x)
		types = append(types, oneOf(g, tensor.BFloat16, tensor.Float32, tensor.Float16))
	}
	return xs, types
}
