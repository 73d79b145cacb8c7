package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// lines writes the plan lines of every instance.
func (x *expansion) lines() error {
	for _, in := range x.insts {
		if in.joined {
			continue
		}
		if err := x.instanceLines(in); err != nil {
			return fmt.Errorf("rule %q: %w", in.row.Name, err)
		}
	}
	return nil
}

// instanceLines writes one line for each combination of the letters that stand
// in the target's name.
func (x *expansion) instanceLines(in *instance) error {
	sizes := map[string]int{}
	for _, l := range rule.Letters(in.axes) {
		if n, ok := x.votes.size[in.key(l)]; ok {
			sizes[l] = n
		}
	}
	for _, l := range slices.Sorted(maps.Keys(in.row.Size)) {
		n, err := x.stated(in, l, sizes)
		if err != nil {
			x.faultOf(err, in.row.Name)
			return nil
		}
		sizes[l] = n
	}
	for l, names := range in.row.Names {
		sizes[l] = len(names)
	}
	if err := x.segments(in, sizes); err != nil {
		return err
	}
	letters, err := x.targetLetters(in, sizes)
	if err != nil {
		return err
	}
	size := func(l string) int { return sizes[l] }
	if x.lineCount += howMany(letters, size, maxLines); x.lineCount > maxLines {
		x.lineCount = maxLines
		x.tooLong(in, letters, sizes)
		return nil
	}
	for at := range combos(letters, size) {
		if err := x.line(in, sizes, at); err != nil {
			return err
		}
	}
	return nil
}

// maxLines bounds a plan's tensors: more than three times as many as the
// largest models have, whose experts are written one by one. What is longer is
// a size that a checkpoint states and no model has.
const maxLines = 1 << 18

// tooLong refuses an instance whose target's name stands for too many tensors.
func (x *expansion) tooLong(in *instance, letters []string, sizes map[string]int) {
	if x.tooMany() {
		return
	}
	var names []string
	for _, b := range in.bases {
		if b.t != nil {
			names = append(names, b.t.Name)
		}
	}
	d := x.res.Diagnostics.Errorf(diag.Keys, CodeShape, "More tensors than a model has",
		"row %q makes a tensor of each position up to %s of %s; a plan has at most %d tensors: is an axis of the checkpoint another than the row says?",
		in.row.Name, describe(letters, sizes), strings.Join(names, ", "), maxLines)
	d.Rule = in.row.Name
	if len(names) > 0 {
		d.Tensor = names[0]
	}
}

// line writes one plan line.
func (x *expansion) line(in *instance, sizes, at map[string]int) error {
	name, err := x.targetName(in, in.row.Target, at)
	if err != nil {
		return err
	}
	t := x.match(name)
	expr, shape, err := x.value(in, sizes, at, t)
	if err != nil {
		return err
	}
	if expr == nil {
		return nil // reported
	}
	if x.Method == "adapter" {
		return x.adapterLine(in, sizes, at, t, plan.Tensor{Name: name, Shape: shape, Rule: in.row.Name})
	}
	if expr, err = x.affine(in, sizes, expr); err != nil || expr == nil {
		return err
	}
	x.res.Tensors = append(x.res.Tensors, plan.Tensor{
		Name: name, DType: x.dtype(in.row, t, storedType(in)), Shape: shape, Rule: in.row.Name, Expr: expr,
	})
	return nil
}

// value is the line's expression before factors: the base with its LoRA, or
// the sources stacked, with their axes moved.
func (x *expansion) value(in *instance, sizes, at map[string]int, t *targetRule) (plan.Expr, tensor.Shape, error) {
	rest := without(in.axes, at)
	if in.row.Fill != nil {
		f, err := in.row.Fill.Number(nil, nil)
		if err != nil {
			return nil, nil, err
		}
		return filled(in.to, sizes, float32(f))
	}
	if x.Alone && x.delta == nil { // the shape is what is wanted
		return filled(in.to, sizes, 0)
	}
	if in.parts != nil {
		return x.joined(in, sizes, at)
	}
	var stacked []plan.Expr
	for bi, b := range in.bases {
		if !agrees(b.at, at) {
			continue
		}
		e, err := x.merged(in, bi, sizes, at, t)
		if e == nil || err != nil {
			return nil, nil, err
		}
		stacked = append(stacked, e)
	}
	// Sources that the target does not take apart.
	axes := rest
	base := stacked[0]
	if !inKeys(in.stack, at) {
		var err error
		if base, axes, err = stack(in, rest, stacked, sizes); err != nil {
			return nil, nil, err
		}
	}
	return move([]piece{{base, axes}}, in.to, sizes)
}

// filled is a tensor of one value.
func filled(axes []rule.Axis, sizes map[string]int, value float32) (plan.Expr, tensor.Shape, error) {
	shape := tensor.Shape{}
	for _, a := range axes {
		n, ok := measure(a, sizes)
		if !ok {
			return nil, nil, fmt.Errorf("the size of %s is not known", rule.FormatAxes([]rule.Axis{a}))
		}
		shape = append(shape, n)
	}
	return &plan.Fill{Shape: shape, Value: value}, shape, nil
}

func inKeys(letters []string, at map[string]int) bool {
	for _, l := range letters {
		if _, ok := at[l]; !ok {
			return false
		}
	}
	return true
}

// agrees reports whether a base's stack positions are those that the target
// fixes.
func agrees(b, at map[string]int) bool {
	for l, i := range b {
		if j, ok := at[l]; ok && i != j {
			return false
		}
	}
	return true
}

// without leaves out the axes that are fixed.
func without(axes []rule.Axis, at map[string]int) []rule.Axis {
	var out []rule.Axis
	for _, a := range axes {
		if _, fixed := at[a.Letter]; a.Letter == "" || !fixed {
			out = append(out, a)
		}
	}
	return out
}

// index fixes the axes of one operand that are letters of at.
func index(axes []rule.Axis, at map[string]int) []plan.At {
	var out []plan.At
	for i, a := range axes {
		if p, ok := at[a.Letter]; a.Letter != "" && ok {
			out = append(out, plan.At{Axis: i, Pos: p})
		}
	}
	return out
}

// affine wraps the row's factor and offset, rounded once to float32.
func (x *expansion) affine(in *instance, sizes map[string]int, e plan.Expr) (plan.Expr, error) {
	a := &plan.Affine{X: e}
	for _, f := range []struct {
		e   *rule.Expr
		dst *float32
	}{{in.row.Mul, &a.Mul}, {in.row.Div, &a.Div}, {in.row.Add, &a.Add}} {
		if f.e == nil {
			continue
		}
		vars, err := x.vars(f.e, in.env, sizes, "")
		if err != nil {
			x.faultOf(err, in.row.Name)
			return nil, nil
		}
		v, err := f.e.Number(vars, x.funcs(in.env))
		if err != nil {
			return nil, err
		}
		*f.dst = float32(v)
		for _, n := range f.e.Variables() {
			x.choice(in, n, vars[n])
		}
	}
	if a.Mul == 1 {
		a.Mul = 0
	}
	if a.Div == 1 {
		a.Div = 0
	}
	if a.Mul == 0 && a.Div == 0 && a.Add == 0 {
		return e, nil
	}
	return a, nil
}
