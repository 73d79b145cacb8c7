package plan

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Class says what part a label plays in a contraction of two operands.
//
//	class       in a  in b  in out
//	Batch        x     x     x      one product for each value
//	Left         x           x      rows of a
//	Right              x     x      columns of b
//	Contracted   x     x            summed over the product
//	SumA         x                  summed in a first
//	SumB               x            summed in b first
type Class uint8

// The classes.
const (
	Batch Class = iota
	Left
	Right
	Contracted
	SumA
	SumB
)

// Einsum is a parsed contraction "a, b -> out". Grouped axes are allowed in
// every place: "d r, r (n h) -> d n h".
type Einsum struct {
	A, B, Out Axes
	Class     map[string]Class
}

// ParseEinsum reads a contraction of two operands and classifies its labels.
// Every label of the output must come from an operand.
func ParseEinsum(s string) (*Einsum, error) {
	in, out, ok := strings.Cut(s, "->")
	if !ok {
		return nil, fmt.Errorf("einsum %q has no \"->\"", s)
	}
	l, r, ok := strings.Cut(in, ",")
	if !ok || strings.Contains(r, ",") {
		return nil, fmt.Errorf("einsum %q must have two operands", s)
	}
	e := &Einsum{Class: map[string]Class{}}
	for _, part := range []struct {
		dst  *Axes
		text string
	}{{&e.A, l}, {&e.B, r}, {&e.Out, out}} {
		axes, err := ParseAxes(part.text)
		if err != nil {
			return nil, fmt.Errorf("einsum %q: %w", s, err)
		}
		*part.dst = axes
	}
	a, b, o := e.A.Labels(), e.B.Labels(), e.Out.Labels()
	for _, x := range a {
		switch inB, inOut := contains(b, x), contains(o, x); {
		case inB && inOut:
			e.Class[x] = Batch
		case inB:
			e.Class[x] = Contracted
		case inOut:
			e.Class[x] = Left
		default:
			e.Class[x] = SumA
		}
	}
	for _, x := range b {
		if _, ok := e.Class[x]; ok {
			continue
		}
		if contains(o, x) {
			e.Class[x] = Right
		} else {
			e.Class[x] = SumB
		}
	}
	for _, x := range o {
		if _, ok := e.Class[x]; !ok {
			return nil, fmt.Errorf("einsum %q: label %q of the output is in no operand", s, x)
		}
	}
	return e, nil
}

// String prints the contraction as ParseEinsum reads it.
func (e *Einsum) String() string {
	return e.A.String() + ", " + e.B.String() + " -> " + e.Out.String()
}

// Bind finds the size of every label from the shapes of the operands and of
// the output, and reports any disagreement.
func (e *Einsum) Bind(a, b, out tensor.Shape) (map[string]int, error) {
	sizes := map[string]int{}
	if err := e.Out.bind(out, sizes); err != nil {
		// A grouped output axis is settled by the operands below.
		sizes = map[string]int{}
	}
	for _, p := range []struct {
		what string
		axes Axes
		s    tensor.Shape
	}{{"a", e.A, a}, {"b", e.B, b}, {"the result", e.Out, out}} {
		if err := p.axes.bind(p.s, sizes); err != nil {
			return nil, fmt.Errorf("einsum %q, %s: %w", e, p.what, err)
		}
	}
	return sizes, nil
}
