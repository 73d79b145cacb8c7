package plan

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Explain tells, for people, how one output tensor comes to be: its sources
// with their shapes and types, each LoRA term with what its labels do, every
// move, factor and conversion, in the order in which a value meets them.
// t should have passed Check; what cannot be inferred is said in place.
//
//	float32 [2048, 2048], by row "attention_output"
//	read "…/w"[17] of source "ft": bfloat16 [18, 8, 256, 2048], of which [8, 256, 2048]
//	add 1 * einsum "n h r, m r d -> n h d" of
//	  a: "…/lora_a"[17] of source "ft": float32 [18, 8, 256, 16], of which [8, 256, 16]
//	  b: "…/lora_b"[17] of source "ft": float32 [18, 8, 16, 2048], of which [8, 16, 2048]
//	  m = 8 is summed within b first (one-sided)
//	  r = 16 is summed over products of a and b
//	  n = 8, h = 256 come from a; d = 2048 comes from b
//	rearrange "n h d -> d (n h)": [8, 256, 2048] becomes [2048, 2048]
//	computed in float32 and kept so
func Explain(t *Tensor, m Manifests) []string {
	e := &explainer{m: m}
	e.say(0, "%s %v, by row %q", t.DType, t.Shape, t.Rule)
	e.expr(t.Expr, 0, 0)
	e.conversion(t)
	return e.lines
}

type explainer struct {
	m     Manifests
	lines []string
}

func (e *explainer) say(indent int, format string, args ...any) {
	e.lines = append(e.lines, strings.Repeat("  ", indent)+fmt.Sprintf(format, args...))
}

// expr says what x does, its operand first, and returns its shape where that
// can be inferred.
func (e *explainer) expr(x Expr, indent, depth int) tensor.Shape {
	if depth > maxDepth {
		e.say(indent, "(nested deeper than %d)", maxDepth)
		return nil
	}
	switch x := x.(type) {
	case *Source:
		e.say(indent, "read %s", e.source(x))
	case *Merge:
		e.merge(x, indent)
	case *Fill:
		e.say(indent, "fill %v with %s: no source is read", x.Shape, number(x.Value))
	case *Rearrange:
		in := e.expr(x.X, indent, depth+1)
		e.say(indent, "rearrange %q: %v becomes %v", x.Pattern, in, e.shape(x))
	case *Slice:
		in := e.expr(x.X, indent, depth+1)
		e.say(indent, "take %d to %d along axis %d of %v: %v", x.Start, x.Start+x.Size-1, x.Axis, in, e.shape(x))
	case *Concat:
		e.say(indent, "join %d parts along axis %d, which gives %v:", len(x.Xs), x.Axis, e.shape(x))
		for i, y := range x.Xs {
			e.say(indent, "- part %d", i)
			e.expr(y, indent+1, depth+1)
		}
	case *Affine:
		e.expr(x.X, indent, depth+1)
		for _, s := range x.steps() {
			e.say(indent, "%s, in float32, rounded", [...]string{Mul: "multiply by ", Div: "divide by ", Add: "add "}[s.Op]+number(s.V))
		}
	default:
		e.say(indent, "unknown expression %T", x)
	}
	return e.shape(x)
}

func (e *explainer) shape(x Expr) tensor.Shape {
	s, err := Infer(x, e.m)
	if err != nil {
		return nil
	}
	return s
}

func (e *explainer) source(s *Source) string {
	t, err := e.m.Lookup(s)
	if err != nil {
		return fmt.Sprintf("%s (%v)", s, err)
	}
	out := fmt.Sprintf("%s of source %q: %s %v", s, s.From, t.DType, t.Shape)
	if len(s.Index) > 0 {
		out += fmt.Sprintf(", of which %v", e.shape(s))
	}
	return out
}

func (e *explainer) merge(x *Merge, indent int) {
	e.say(indent, "read %s", e.source(x.Base))
	for _, t := range x.Terms {
		e.say(indent, "add %s * einsum %q of", number(t.Scale), t.Einsum)
		e.say(indent+1, "a: %s", e.source(t.A))
		e.say(indent+1, "b: %s", e.source(t.B))
		e.labels(t, x.Base, indent+1)
	}
}

// labels says what part each label of a term plays.
func (e *explainer) labels(t Term, base *Source, indent int) {
	es, err := ParseEinsum(t.Einsum)
	if err != nil {
		e.say(indent, "%v", err)
		return
	}
	sizes, err := es.Bind(e.shape(t.A), e.shape(t.B), e.shape(base))
	if err != nil {
		e.say(indent, "%v", err)
		return
	}
	by := map[Class][]string{}
	seen := map[string]bool{}
	for _, l := range append(append(es.A.Labels(), es.B.Labels()...), es.Out.Labels()...) {
		if !seen[l] {
			seen[l] = true
			by[es.Class[l]] = append(by[es.Class[l]], fmt.Sprintf("%s = %d", l, sizes[l]))
		}
	}
	for _, c := range []struct {
		class Class
		one   string
		many  string
	}{
		{SumA, "is summed within a first (one-sided)", "are summed within a first (one-sided)"},
		{SumB, "is summed within b first (one-sided)", "are summed within b first (one-sided)"},
		{Contracted, "is summed over products of a and b", "are summed over products of a and b"},
		{Batch, "is in a, b and the result: one product for each", "are in a, b and the result: one product for each"},
		{Left, "comes from a", "come from a"},
		{Right, "comes from b", "come from b"},
	} {
		switch ls := by[c.class]; {
		case len(ls) == 1:
			e.say(indent, "%s %s", ls[0], c.one)
		case len(ls) > 1:
			e.say(indent, "%s %s", strings.Join(ls, ", "), c.many)
		}
	}
}

// conversion says what becomes of the element type.
func (e *explainer) conversion(t *Tensor) {
	if arithmetic(t.Expr) {
		if t.DType == tensor.Float32 {
			e.say(0, "computed in float32 and kept so")
		} else {
			e.say(0, "computed in float32, then rounded once to %s", t.DType)
		}
		return
	}
	var from []tensor.DType
	Sources(t.Expr, func(s *Source) {
		if p, err := e.m.Lookup(s); err == nil && (len(from) == 0 || from[len(from)-1] != p.DType) {
			from = append(from, p.DType)
		}
	})
	for _, d := range from {
		if d == t.DType {
			e.say(0, "%s bytes are copied as they are", d)
		} else {
			e.say(0, "%s is converted to %s, each value rounded at most once", d, t.DType)
		}
	}
}

// arithmetic reports whether x computes, rather than moves, any value.
func arithmetic(x Expr) bool {
	switch x := x.(type) {
	case *Merge:
		return len(x.Terms) > 0
	case *Affine:
		return len(x.steps()) > 0 || arithmetic(x.X)
	case *Rearrange:
		return arithmetic(x.X)
	case *Slice:
		return arithmetic(x.X)
	case *Concat:
		for _, y := range x.Xs {
			if arithmetic(y) {
				return true
			}
		}
	}
	return false
}
