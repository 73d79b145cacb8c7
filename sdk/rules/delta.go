package rules

import (
	"maps"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// delta gathers what a module's line would merge.
type delta struct{ bases map[string]tensor.Shape }

// zeros makes m's base a parameter of zeros with these axes: what is stored of
// the base, indexed already.
func (d *delta) zeros(m *plan.Merge, name string, axes []rule.Axis, sizes map[string]int) error {
	_, shape, err := filled(axes, sizes, 0)
	if err != nil {
		return err
	}
	m.Base = &plan.Source{Name: name}
	d.bases[name] = shape
	return nil
}

// deltaLine writes what merging would add to the module's weight: the line of
// method "merge" over a base of zeros.
func (x *expansion) deltaLine(in *instance, sizes, at map[string]int, t *targetRule, module string) error {
	x.delta = &delta{bases: map[string]tensor.Shape{}}
	defer func() { x.delta = nil }()
	e, shape, err := x.value(in, sizes, at, t)
	if err != nil || e == nil {
		return err
	}
	if e, err = x.affine(in, sizes, e); err != nil || e == nil {
		return err
	}
	line := plan.Delta{Module: module, Shape: shape, Expr: withoutOffset(e)}
	for _, name := range slices.Sorted(maps.Keys(x.delta.bases)) {
		line.Bases = append(line.Bases, plan.Base{Name: name, Shape: x.delta.bases[name]})
	}
	x.res.Deltas = append(x.res.Deltas, line)
	return nil
}

// withoutOffset takes what affine adds off again: an offset is the base's, and
// no part of what LoRA changes.
func withoutOffset(e plan.Expr) plan.Expr {
	f, ok := e.(*plan.Affine)
	if !ok || f.Add == 0 {
		return e
	}
	f.Add = 0
	if f.Mul == 0 && f.Div == 0 {
		return f.X
	}
	return f
}
