package rules

import (
	"fmt"
	"strconv"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// lines writes the plan lines of every instance.
func (x *expansion) lines() error {
	for _, in := range x.insts {
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
	for _, l := range sortedKeys(in.row.Size) {
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
	letters, err := x.targetLetters(in, sizes)
	if err != nil {
		return err
	}
	combos(letters, func(l string) int { return sizes[l] }, func(at map[string]int) {
		if err != nil {
			return
		}
		err = x.line(in, sizes, at)
	})
	return err
}

// targetLetters returns the letters of the target's name, which must be axes
// of the row (or stack its sources).
func (x *expansion) targetLetters(in *instance, sizes map[string]int) ([]string, error) {
	var out []string
	for _, n := range named(fill(in.row.Target, in.env)) {
		e, err := rule.ParseExpr(n)
		if err != nil {
			return nil, err
		}
		for _, v := range e.Variables() {
			if _, isSize := sizes[v]; !isSize || !has(rule.Letters(in.axes), v) {
				return nil, fmt.Errorf("{%s} in target %q is neither a capture nor a letter of %q", n, in.row.Target, in.row.Axes)
			}
			if !has(out, v) {
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// targetName fills a name's braces: captures, names of letters, and formulas
// over letters' positions such as {6*j + b}.
func (x *expansion) targetName(in *instance, template string, at map[string]int) (string, error) {
	env := pick(in.row.Names, at)
	for k, v := range in.env {
		env[k] = v
	}
	for l, i := range at {
		if _, named := in.row.Names[l]; !named {
			env[l] = strconv.Itoa(i)
		}
	}
	s := fill(template, env)
	for _, n := range named(s) {
		e, err := rule.ParseExpr(n)
		if err != nil {
			return "", err
		}
		vars, err := x.vars(e, in.env, at, "")
		if err != nil {
			return "", err
		}
		f, err := e.Number(vars, nil)
		if err != nil {
			return "", err
		}
		s = fill(s, map[string]string{n: strconv.Itoa(int(f))})
	}
	return s, nil
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
	if expr, err = x.affine(in, sizes, expr); err != nil || expr == nil {
		return err
	}
	x.res.Tensors = append(x.res.Tensors, plan.Tensor{
		Name: name, DType: x.dtype(in, t), Shape: shape, Rule: in.row.Name, Expr: expr,
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
		shape := tensor.Shape{}
		for _, a := range in.to {
			n, ok := measure(a, sizes)
			if !ok {
				return nil, nil, fmt.Errorf("the size of %s is not known", rule.FormatAxes([]rule.Axis{a}))
			}
			shape = append(shape, n)
		}
		return &plan.Fill{Shape: shape, Value: float32(f)}, shape, nil
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
	// Stack letters that the target does not take apart.
	axes := rest
	base := stacked[0]
	if len(stacked) > 1 {
		var err error
		if base, axes, err = stack(in, rest, stacked, sizes); err != nil {
			return nil, nil, err
		}
	}
	return move(base, axes, in.to, sizes)
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

// merged is one base with its LoRA terms, indexed.
func (x *expansion) merged(in *instance, bi int, sizes, at map[string]int, t *targetRule) (plan.Expr, error) {
	b := in.bases[bi]
	stored := in.stored()
	src := b.source(index(stored, at))
	m := &plan.Merge{Base: src}
	for pi, p := range in.loras[bi] {
		a, bb := in.unstacked(p.einsum.a), in.unstacked(p.einsum.b)
		term := plan.Term{
			A: p.a.source(index(a, at)), B: p.b.source(index(bb, at)),
			Einsum: x.einsumText(in, a, bb, p.einsum.out, at),
		}
		if reason := x.unmerged(t); reason != "" {
			x.dropPair(term, reason, in.row.Name)
			continue
		}
		scale, err := x.scale(in, bi, pi, sizes, t)
		if err != nil {
			x.faultOf(err, in.row.Name)
			return nil, nil
		}
		term.Scale = float32(scale)
		m.Terms = append(m.Terms, term)
		x.res.Merged++
	}
	if len(m.Terms) == 0 {
		return src, nil
	}
	return m, nil
}

// einsumText prints the einsum of an indexed pair. The output is written as
// the base's axes group its letters.
func (x *expansion) einsumText(in *instance, a, b, out []rule.Axis, at map[string]int) string {
	o := without(in.unstacked(out), at)
	base := without(in.stored(), at)
	if same(rule.Letters(o), rule.Letters(base)) {
		o = base
	}
	return rule.FormatAxes(without(a, at)) + ", " + rule.FormatAxes(without(b, at)) + " -> " + rule.FormatAxes(o)
}

func same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// unmerged says why a line's LoRA is left out, or nothing.
func (x *expansion) unmerged(t *targetRule) string {
	switch {
	case x.Method == "base":
		return `method = "base" writes the weights without the adapter`
	case t != nil && t.Merge != nil && !*t.Merge:
		return fmt.Sprintf("rule %q says merge = false", t.Name)
	}
	return ""
}

func (x *expansion) dropPair(t plan.Term, reason, row string) {
	for _, s := range []*plan.Source{t.A, t.B} {
		x.dropOnce(plan.Drop{From: s.From, Name: s.Name, Index: s.Index, Reason: reason, Rule: row})
	}
}

func (x *expansion) dropOnce(d plan.Drop) {
	for _, have := range x.res.Drops {
		if have.From == d.From && have.Name == d.Name && fmt.Sprint(have.Index) == fmt.Sprint(d.Index) {
			return
		}
	}
	x.res.Drops = append(x.res.Drops, d)
}

// scale computes in float64 what stands before a pair's product.
func (x *expansion) scale(in *instance, bi, pi int, sizes map[string]int, t *targetRule) (float64, error) {
	p := in.loras[bi][pi]
	all := map[string]int{}
	for l, n := range sizes {
		all[l] = n
	}
	for _, l := range append(rule.Letters(p.einsum.a), rule.Letters(p.einsum.b)...) {
		if n, ok := x.votes.size[pairKey(in, bi, pi, l)]; ok {
			all[l] = n
		}
	}
	vars, err := x.vars(p.scale, in.env, all, in.bases[bi].rel)
	if err != nil {
		return 0, err
	}
	s, err := p.scale.Number(vars, x.funcs(in.env))
	if err != nil {
		return 0, err
	}
	if p.weight != 0 {
		s *= p.weight
	}
	if t != nil && t.Scale != nil {
		s *= *t.Scale
	}
	return s, nil
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

// formatEinsum prints an einsum as its row writes it.
func formatEinsum(e *ruleEinsum) string {
	return rule.FormatAxes(e.a) + ", " + rule.FormatAxes(e.b) + " -> " + rule.FormatAxes(e.out)
}
