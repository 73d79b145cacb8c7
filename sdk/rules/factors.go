package rules

import (
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// factor is a factor of a pair with the axes that it is stored with.
type factor struct {
	p    param
	axes []rule.Axis // stored
}

// source reads a factor's elements.
func (b block) source(p param, axes []rule.Axis) *plan.Source {
	return p.source(index(b.in.unstacked(axes), b.at))
}

// sides says which factor moves with the target's rows, and which with its
// columns, or why neither can.
func (b block) sides() (rows, cols factor, reason string) {
	fa, fb := factor{b.pair.a, b.pair.einsum.a}, factor{b.pair.b, b.pair.einsum.b}
	as := rule.Letters(without(b.in.unstacked(fa.axes), b.at))
	bs := rule.Letters(without(b.in.unstacked(fb.axes), b.at))
	os := rule.Letters(b.pair.einsum.out)
	for _, l := range append(slices.Clone(as), bs...) {
		if !slices.Contains(os, l) && !(slices.Contains(as, l) && slices.Contains(bs, l)) {
			return fa, fb, fmt.Sprintf("letter %s is summed over in one factor alone", l)
		}
	}
	if len(b.rank) == 0 {
		return fa, fb, "its factors have no rank in common"
	}
	of := make([]string, 2) // the factor of each axis: "a", "b" or "" for either
	for i, ax := range b.in.to {
		for _, l := range rule.Letters([]rule.Axis{ax}) {
			which := ""
			switch _, isDiag := b.diag[l]; {
			case isDiag:
				continue
			case slices.Contains(as, l):
				which = "a"
			case slices.Contains(bs, l):
				which = "b"
			default:
				return fa, fb, fmt.Sprintf("letter %s is in neither factor", l)
			}
			if of[i] != "" && of[i] != which {
				return fa, fb, fmt.Sprintf("axis %s mixes letters of both factors", ax)
			}
			of[i] = which
		}
	}
	switch {
	case of[0] != "" && of[0] == of[1]:
		return fa, fb, "both axes are of one factor"
	case of[0] == "a" || of[1] == "b":
		return fa, fb, ""
	}
	return fb, fa, ""
}

// factor moves one factor to [axis, rank], or to [rank, axis]. Letters of the
// diagonal become axes that are 0 at all positions but the block's.
func (b block) factor(f factor, axis rule.Axis, rankFirst bool) (plan.Expr, error) {
	var e plan.Expr = b.source(f.p, f.axes)
	axes := without(b.in.unstacked(f.axes), b.at)
	for _, l := range rule.Letters([]rule.Axis{axis}) {
		pos, ok := b.diag[l]
		if !ok {
			continue
		}
		if axis.HasSum() {
			return nil, fmt.Errorf("axis %s is a sum of segments that letter %s takes apart", axis, l)
		}
		shape, labels := tensor.Shape{1}, plan.Axes{}
		for i, a := range axes {
			n, ok := measure(a, b.sizes)
			if !ok {
				return nil, fmt.Errorf("the size of %s is not known", a)
			}
			shape, labels = append(shape, n), append(labels, []string{axisName(i, a)})
		}
		lifted := &plan.Rearrange{X: e, Pattern: plan.Pattern{In: labels, Out: append(plan.Axes{{}}, labels...)}.String()}
		full := &plan.Concat{Axis: 0}
		for i := range b.sizes[l] {
			if i == pos {
				full.Xs = append(full.Xs, lifted)
			} else {
				full.Xs = append(full.Xs, &plan.Fill{Shape: shape})
			}
		}
		e, axes = full, append([]rule.Axis{{Letter: l}}, axes...)
	}
	rank := rule.Axis{Prod: b.rank}
	if len(b.rank) == 1 {
		rank = b.rank[0]
	}
	to := []rule.Axis{axis, rank}
	if rankFirst {
		to = []rule.Axis{rank, axis}
	}
	e, _, err := move([]piece{{e, axes}}, to, b.sizes)
	return e, err
}

func side(xs []plan.Expr, axis int) plan.Expr {
	if len(xs) == 1 {
		return xs[0]
	}
	return &plan.Concat{Xs: xs, Axis: axis}
}
