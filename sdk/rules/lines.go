package rules

import (
	"fmt"

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
	if err := x.segments(in, sizes); err != nil {
		return err
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

// merged is one base with its LoRA terms, indexed.
func (x *expansion) merged(in *instance, bi int, sizes, at map[string]int, t *targetRule) (plan.Expr, error) {
	b := in.bases[bi]
	m := &plan.Merge{}
	if x.delta == nil {
		m.Base = b.source(index(in.stored(), at))
	} else if err := x.delta.zeros(m, b.rel, without(in.stored(), at), sizes); err != nil {
		return nil, err
	}
	for pi, p := range in.loras[bi] {
		fixed, applies, err := x.positionsOf(in, p, at)
		if err != nil {
			return nil, err
		}
		if !applies {
			continue
		}
		pa, pb := in.unstacked(p.einsum.a), in.unstacked(p.einsum.b)
		term := plan.Term{
			A: p.a.source(index(pa, fixed)), B: p.b.source(index(pb, fixed)),
			Einsum: einsumText(without(pa, fixed), without(pb, fixed), without(in.unstacked(p.einsum.out), fixed), without(in.stored(), at)),
		}
		if reason := x.unmerged(t); reason != "" {
			if x.delta == nil {
				x.dropPair(term, reason, in.row.Name)
			}
			continue
		}
		if x.Method == "adapter" && x.delta == nil {
			continue // its factors have tensors of their own
		}
		scale, err := x.scale(in, bi, pi, sizes, t)
		if err != nil {
			x.faultOf(err, in.row.Name)
			return nil, nil
		}
		term.Scale = float32(scale)
		m.Terms = append(m.Terms, term)
		if x.delta != nil {
			continue
		}
		x.used[elements(term.A)], x.used[elements(term.B)] = true, true
		x.res.Merged++
	}
	if len(m.Terms) == 0 {
		return m.Base, nil
	}
	return m, nil
}

// positionsOf returns the positions that fix a pair's axes on a line, and
// whether the pair belongs to the line at all. A pair that lies at another
// place of the block than its base has stack letters of its own.
func (x *expansion) positionsOf(in *instance, p pair, at map[string]int) (map[string]int, bool, error) {
	if p.apply == nil {
		return at, true, nil
	}
	own := in.site.stack()
	if !inKeys(own, at) {
		return nil, false, fmt.Errorf("target %q keeps the stack of block %q whole, but %s is stored apart", in.row.Target, in.site.block.Name, p.a.t.Name)
	}
	id, err := x.identity(in.site, at)
	if err != nil {
		return nil, false, err
	}
	theirs, ok := p.apply[id]
	if !ok {
		return nil, false, nil
	}
	fixed := map[string]int{}
	for l, i := range at {
		if !has(own, l) {
			fixed[l] = i
		}
	}
	for l, i := range theirs {
		fixed[l] = i
	}
	return fixed, true, nil
}

// einsumText prints the einsum of an indexed pair. The output is written as
// the base's axes group its letters.
func einsumText(a, b, out, base []rule.Axis) string {
	o, want := labelled(out), labelled(base)
	if same(o.Labels(), want.Labels()) {
		o = want
	}
	parts := joined(labelled(a), labelled(b), o)
	return parts[0].String() + ", " + parts[1].String() + " -> " + parts[2].String()
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

// elements is a key for what a source node reads.
func elements(s *plan.Source) string { return fmt.Sprintf("%s\x00%s\x00%v", s.From, s.Name, s.Index) }

func (x *expansion) dropPair(t plan.Term, reason, row string) {
	for _, s := range []*plan.Source{t.A, t.B} {
		x.dropOnce(elements(s), plan.Drop{From: s.From, Name: s.Name, Index: s.Index, Reason: reason, Rule: row})
	}
}

func (x *expansion) dropOnce(key string, d plan.Drop) {
	if !x.dropped[key] {
		x.dropped[key] = true
		x.res.Drops = append(x.res.Drops, d)
	}
}

// settleDrops takes back drops of elements that another line merges: a factor
// may be shared by several targets.
func (x *expansion) settleDrops() {
	kept := x.res.Drops[:0]
	for _, d := range x.res.Drops {
		if d.Part != nil || !x.used[elements(&plan.Source{From: d.From, Name: d.Name, Index: d.Index})] {
			kept = append(kept, d)
		}
	}
	x.res.Drops = kept
}

// segments drops the segments of an instance's axes that the row says go
// nowhere.
func (x *expansion) segments(in *instance, sizes map[string]int) error {
	if len(in.row.Drop) == 0 || x.Method == "adapter" { // all of the base is dropped
		return nil
	}
	left := map[string]string{}
	for l, why := range in.row.Drop {
		if has(rule.Letters(in.to), l) {
			return fmt.Errorf("letter %s is dropped and used", l)
		}
		left[l] = why
	}
	for axis, a := range in.stored() {
		start := 0
		for _, seg := range a.Sum {
			n, ok := measure(seg, sizes)
			if !ok {
				return fmt.Errorf("the size of %s is not known", seg)
			}
			if why, ok := in.row.Drop[seg.Letter]; ok && seg.Letter != "" {
				delete(left, seg.Letter)
				if n > 0 {
					x.dropPart(in, plan.Part{Axis: axis, Start: start, Size: n}, why)
				}
			}
			start += n
		}
	}
	for _, l := range sortedKeys(left) {
		return fmt.Errorf("letter %s is dropped, but is no segment of an axis of %q", l, in.row.Axes)
	}
	return nil
}

func (x *expansion) dropPart(in *instance, p plan.Part, why string) {
	for _, b := range in.bases {
		key := fmt.Sprintf("%s\x00%s\x00%v", b.tree.src.Name, b.t.Name, p)
		x.dropOnce(key, plan.Drop{From: b.tree.src.Name, Name: b.t.Name, Part: &p, Reason: why, Rule: in.row.Name})
	}
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
	vars, err := asker{x: x, env: in.env, letters: all, param: in.bases[bi].rel, source: p.a.tree.src.Name}.vars(p.scale)
	if err != nil {
		return 0, err
	}
	s, err := p.scale.Number(vars, x.funcs(in.env))
	if err != nil {
		return 0, err
	}
	s *= p.weight
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
