package engine

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// The second implementation: expressions over whole arrays, element by element,
// straight from the definitions. It shares no code with the engine but the
// plan's parsers and the one-element codecs.

// cell is one element: the stored bytes as they are, or a float32 once
// something was computed.
type cell struct {
	raw   []byte
	dtype tensor.DType
	f     float32
	arith bool
	wide  wide
}

// wide is the element in float64, as far as it is measured.
type wide struct {
	base, delta      float64
	merged, constant bool
}

func (c cell) float() float32 {
	if c.arith {
		return c.f
	}
	var f [1]float32
	must(tensor.DecodeFloat32(f[:], c.raw, c.dtype))
	return f[0]
}

func (c cell) store(d tensor.DType) []byte {
	b := make([]byte, d.Size())
	if c.arith {
		must(tensor.EncodeFloat32(b, []float32{c.f}, d))
	} else {
		must(tensor.Convert(b, d, c.raw, c.dtype))
	}
	return b
}

func quiet(f float32) float32 {
	if f != f {
		return math.Float32frombits(0x7fc00000)
	}
	return f
}

type value struct {
	shape tensor.Shape
	cells []cell
}

type oracle map[string]*fakeReader

func (o oracle) eval(x plan.Expr) value {
	switch x := x.(type) {
	case *plan.Source:
		return o.source(x)
	case *plan.Merge:
		v := o.source(x.Base)
		for i := range x.Terms {
			v = o.merge(v, &x.Terms[i])
		}
		return v
	case *plan.Rearrange:
		return o.rearrange(x)
	case *plan.Concat:
		return o.concat(x)
	case *plan.Slice:
		v := o.eval(x.X)
		out := value{shape: append(tensor.Shape{}, v.shape...)}
		out.shape[x.Axis] = x.Size
		each(out.shape, func(at []int) {
			at[x.Axis] += x.Start
			out.cells = append(out.cells, v.at(at))
			at[x.Axis] -= x.Start
		})
		return out
	case *plan.Affine:
		v := o.eval(x.X)
		for i := range v.cells {
			f := v.cells[i].float()
			if x.Mul != 0 {
				f = quiet(f * x.Mul)
			}
			if x.Div != 0 {
				f = quiet(f / x.Div)
			}
			if x.Add != 0 {
				f = quiet(f + x.Add)
			}
			w := v.cells[i].wide
			if x.Mul != 0 {
				w.base, w.delta = w.base*float64(x.Mul), w.delta*float64(x.Mul)
			}
			if x.Div != 0 {
				w.base, w.delta = w.base/float64(x.Div), w.delta/float64(x.Div)
			}
			w.base += float64(x.Add)
			if x.Mul != 0 || x.Div != 0 || x.Add != 0 {
				v.cells[i] = cell{f: f, arith: true, wide: w}
			}
		}
		return v
	case *plan.Fill:
		v := value{shape: x.Shape}
		for range x.Shape.Elements() {
			v.cells = append(v.cells, cell{f: x.Value, arith: true, wide: wide{constant: true}})
		}
		return v
	}
	panic(fmt.Sprintf("%T", x))
}

func (v value) at(at []int) cell {
	i := 0
	for x, n := range v.shape {
		i = i*n + at[x]
	}
	return v.cells[i]
}

func each(s tensor.Shape, visit func(at []int)) {
	if s.Elements() == 0 {
		return
	}
	at := make([]int, len(s))
	for {
		visit(at)
		x := len(s) - 1
		for ; x >= 0; x-- {
			if at[x]++; at[x] < s[x] {
				break
			}
			at[x] = 0
		}
		if x < 0 {
			return
		}
	}
}

func (o oracle) source(s *plan.Source) value {
	a := o[s.From].arrays[s.Name]
	fixed := map[int]int{}
	for _, at := range s.Index {
		fixed[at.Axis] = at.Pos
	}
	var v value
	for x, n := range a.shape {
		if _, ok := fixed[x]; !ok {
			v.shape = append(v.shape, n)
		}
	}
	each(v.shape, func(at []int) {
		i, k := 0, 0
		for x, n := range a.shape {
			p, ok := fixed[x]
			if !ok {
				p = at[k]
				k++
			}
			i = i*n + p
		}
		c := cell{raw: a.data[i*a.dtype.Size():][:a.dtype.Size()], dtype: a.dtype}
		c.wide = wide{base: widen(c.raw, c.dtype), constant: a.dtype.Kind() != tensor.KindFloat}
		v.cells = append(v.cells, c)
	})
	return v
}

// index finds the element of v at the given label values.
func index(axes plan.Axes, shape tensor.Shape, sizes, at map[string]int) []int {
	out := make([]int, len(shape))
	for x, ax := range axes {
		for _, l := range ax {
			out[x] = out[x]*sizes[l] + at[l]
		}
	}
	return out
}

func eachLabels(labels []string, sizes, at map[string]int, visit func()) {
	if len(labels) == 0 {
		visit()
		return
	}
	for i := range sizes[labels[0]] {
		at[labels[0]] = i
		eachLabels(labels[1:], sizes, at, visit)
	}
}

func (o oracle) merge(base value, t *plan.Term) value {
	e, err := plan.ParseEinsum(t.Einsum)
	must(err)
	a, b := o.source(t.A), o.source(t.B)
	sizes, err := e.Bind(a.shape, b.shape, base.shape)
	must(err)
	class := func(axes plan.Axes, want ...plan.Class) (out []string) {
		for _, l := range axes.Labels() {
			for _, c := range want {
				if e.Class[l] == c {
					out = append(out, l)
				}
			}
		}
		return out
	}
	at := map[string]int{}
	operand := func(v value, axes plan.Axes, sums []string) float32 {
		if len(sums) == 0 {
			return v.at(index(axes, v.shape, sizes, at)).float()
		}
		var s float32
		eachLabels(sums, sizes, at, func() { s = quiet(s + v.at(index(axes, v.shape, sizes, at)).float()) })
		return s
	}
	out := value{shape: base.shape, cells: make([]cell, len(base.cells))}
	sumA, sumB := class(e.A, plan.SumA), class(e.B, plan.SumB)
	contracted := class(e.A, plan.Contracted)
	eachLabels(e.Out.Labels(), sizes, at, func() {
		var acc float32
		var acc64 float64
		eachLabels(contracted, sizes, at, func() {
			x, y := operand(a, e.A, sumA), operand(b, e.B, sumB)
			acc += float32(x * y)
			acc64 += float64(x) * float64(y)
		})
		i := 0
		for x, p := range index(e.Out, base.shape, sizes, at) {
			i = i*base.shape[x] + p
		}
		w := base.cells[i].wide
		w.delta, w.merged = w.delta+float64(t.Scale)*acc64, true
		out.cells[i] = cell{f: quiet(base.cells[i].float() + float32(t.Scale*acc)), arith: true, wide: w}
	})
	return out
}

func (o oracle) rearrange(x *plan.Rearrange) value {
	v := o.eval(x.X)
	p, err := plan.ParsePattern(x.Pattern)
	must(err)
	sizes := map[string]int{}
	for l, n := range x.Sizes {
		sizes[l] = n
	}
	for i, ax := range p.In { // the one label of an axis that is not known
		n, unknown := v.shape[i], ""
		for _, l := range ax {
			if s, ok := sizes[l]; ok {
				n /= s
			} else {
				unknown = l
			}
		}
		if unknown != "" {
			sizes[unknown] = n
		}
	}
	out := value{}
	for _, ax := range p.Out {
		n := 1
		for _, l := range ax {
			n *= sizes[l]
		}
		out.shape = append(out.shape, n)
	}
	at := map[string]int{}
	eachLabels(p.Out.Labels(), sizes, at, func() {
		out.cells = append(out.cells, v.at(index(p.In, v.shape, sizes, at)))
	})
	return out
}

func (o oracle) concat(x *plan.Concat) value {
	var parts []value
	out := value{}
	for i, y := range x.Xs {
		v := o.eval(y)
		parts = append(parts, v)
		if i == 0 {
			out.shape = append(tensor.Shape{}, v.shape...)
		} else {
			out.shape[x.Axis] += v.shape[x.Axis]
		}
	}
	each(out.shape, func(at []int) {
		in := append([]int{}, at...)
		k := 0
		for in[x.Axis] >= parts[k].shape[x.Axis] {
			in[x.Axis] -= parts[k].shape[x.Axis]
			k++
		}
		out.cells = append(out.cells, parts[k].at(in))
	})
	return out
}

func (v value) bytes(d tensor.DType) []byte {
	var out []byte
	for _, c := range v.cells {
		out = append(out, c.store(d)...)
	}
	return out
}

// widen is one stored float, as float64.
func widen(raw []byte, d tensor.DType) float64 {
	if d.Kind() != tensor.KindFloat {
		return 0
	}
	var b [8]byte
	must(tensor.Convert(b[:], tensor.Float64, raw, d))
	return math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
}

// measured is what the engine is to measure of v when it is written as d.
func (v value) measured(d tensor.DType) TensorStats {
	var s TensorStats
	var base, delta, moved float64
	for _, c := range v.cells {
		written, exact := widen(c.store(d), d), c.wide.base+c.wide.delta
		if c.wide.constant || math.IsNaN(written-exact) || math.IsInf(written-exact, 0) {
			continue
		}
		s.Drift = math.Max(s.Drift, math.Abs(written-exact))
		if c.wide.merged {
			base += c.wide.base * c.wide.base
			delta += c.wide.delta * c.wide.delta
			moved += (written - c.wide.base) * c.wide.delta
		}
	}
	s.BaseNorm, s.DeltaNorm, s.Retention = math.Sqrt(base), math.Sqrt(delta), 1
	if delta > 0 {
		s.Retention = moved / delta
	}
	return s
}
