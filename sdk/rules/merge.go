package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
)

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
		if !slices.Contains(own, l) {
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
	if slices.Equal(o.Labels(), want.Labels()) {
		o = want
	}
	parts := joined(labelled(a), labelled(b), o)
	return parts[0].String() + ", " + parts[1].String() + " -> " + parts[2].String()
}

// scale computes in float64 what stands before a pair's product.
func (x *expansion) scale(in *instance, bi, pi int, sizes map[string]int, t *targetRule) (float64, error) {
	p, all := in.loras[bi][pi], x.sizesOfPair(in, bi, pi, sizes)
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

// sizesOfPair are a line's sizes with those that the pair has for itself.
func (x *expansion) sizesOfPair(in *instance, bi, pi int, sizes map[string]int) map[string]int {
	e := in.loras[bi][pi].einsum
	out := maps.Clone(sizes)
	for _, l := range append(rule.Letters(e.a), rule.Letters(e.b)...) {
		if n, ok := x.votes.size[pairKey(in, bi, pi, l)]; ok {
			out[l] = n
		}
	}
	return out
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
