package rules

import (
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// join makes the instance of a row that joins parts. Each part is an instance
// of its own, for the sizes of its letters; the whole alone writes lines.
func (x *expansion) join(whole *instance) error {
	if x.Alone { // parts have no adapter
		return nil
	}
	r := *whole.row
	r.Parts, r.When = nil, nil
	for _, p := range whole.row.Parts {
		part := r
		part.Source, part.Axes = p.Source, p.Axes
		n := len(x.insts)
		if err := x.instantiate(&part, whole.env, whole.site); err != nil {
			return err
		}
		in := x.insts[n]
		in.joined = true
		whole.parts = append(whole.parts, in)
		whole.axes = append(whole.axes, in.axes...)
		whole.bases = append(whole.bases, in.bases...)
	}
	whole.loras = make([][]pair, len(whole.bases))
	x.insts = append(x.insts, whole)
	return nil
}

// piece is a value with the axes that it has.
type piece struct {
	e    plan.Expr
	axes []rule.Axis
}

// joined is the value of a line that joins parts.
func (x *expansion) joined(in *instance, sizes, at map[string]int) (plan.Expr, tensor.Shape, error) {
	var ps []piece
	for _, p := range in.parts {
		ps = append(ps, piece{p.bases[0].source(index(p.axes, at)), without(p.axes, at)})
	}
	return move(ps, in.to, sizes)
}

// pickPiece returns the one piece whose letters a segment of the target is made of.
func pickPiece(ps []piece, to []rule.Axis) (piece, error) {
	if len(ps) == 1 {
		return ps[0], nil
	}
	var found []piece
	for _, p := range ps {
		have, all := rule.Letters(p.axes), true
		for _, l := range rule.Letters(to) {
			all = all && slices.Contains(have, l)
		}
		if all {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return piece{}, fmt.Errorf("%d parts have the letters of %q, wanted one", len(found), rule.FormatAxes(to))
	}
	return found[0], nil
}
