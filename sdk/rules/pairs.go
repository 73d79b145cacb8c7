package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
)

// pairs finds the LoRA factors of one base in every source: beside the base or
// under its name in an adapter, and under the names that the same instances of
// its block have where an adapter stores the block in another form.
func (x *expansion) pairs(in *instance, b base) ([]pair, error) {
	var out []pair
	for _, t := range x.trees {
		fits, err := x.pairsAt(in, b, t, in.site, in.env)
		if err != nil {
			return nil, err
		}
		others, err := x.pairsElsewhere(in, b, t)
		if err != nil {
			return nil, err
		}
		fits = append(fits, others...)
		x.reportTwice(in, b, fits)
		out = append(out, fits...)
	}
	return out, nil
}

// pairsAt finds the factors of a base at one site of a tree.
func (x *expansion) pairsAt(in *instance, b base, t *tree, s *site, e env) ([]pair, error) {
	var fits []pair
	names := adapterEnv(e, fill(fill(in.row.Source, e.text), pick(in.row.Names, b.at)))
	for i := range in.row.Lora {
		l := &in.row.Lora[i]
		an, bn := fill(l.A, names), fill(l.B, names)
		am, bm := t.byName[an], t.byName[bn]
		if am == nil && bm == nil {
			continue
		}
		p := pair{a: param{t, an, am}, b: param{t, bn, bm}, scale: l.Scale, weight: 1}
		if t != x.trees[0] {
			p.weight = t.src.Weight
		}
		if x.unpaired(in.row.Name, p) {
			continue
		}
		written, err := parseRuleEinsum(l.Einsum)
		if err != nil {
			return nil, err
		}
		p.einsum = &ruleEinsum{s.insert(written.a, in.stack), s.insert(written.b, in.stack), s.insert(written.out, in.stack)}
		x.claim(p.a, in.row.Name)
		x.claim(p.b, in.row.Name)
		fits = append(fits, p)
	}
	return fits, nil
}

// pairsElsewhere finds factors at other places of the base's block.
func (x *expansion) pairsElsewhere(in *instance, b base, t *tree) ([]pair, error) {
	if in.site == nil || len(in.row.Lora) == 0 || b.t == nil {
		return nil, nil
	}
	var mine map[string]map[string]int
	var out []pair
	for _, s := range t.sites[in.site.block.Name] {
		if s.place == in.site.place {
			continue
		}
		if mine == nil {
			var err error
			if mine, err = x.identities(in.site, stackSizes(in.site, in.stored(), b.shape())); err != nil {
				return nil, err
			}
		}
		fits, err := x.pairsOf(in, b, t, s, mine)
		if err != nil {
			return nil, err
		}
		out = append(out, fits...)
	}
	return out, nil
}

// pairsOf finds the factors at site s that belong to instances of a base.
func (x *expansion) pairsOf(in *instance, b base, t *tree, s *site, mine map[string]map[string]int) ([]pair, error) {
	if len(s.stack()) == 0 { // one instance: is it one of mine?
		id, err := x.identity(s, nil)
		if err != nil {
			return nil, err
		}
		if _, ok := mine[id]; !ok || id == "" {
			return nil, nil
		}
	}
	e := s.in(in.env)
	fits, err := x.pairsAt(in, b, t, s, e)
	if err != nil {
		return nil, err
	}
	kept := fits[:0]
	for _, p := range fits {
		theirs, err := x.identities(s, stackSizes(s, in.unstacked(p.einsum.a), p.a.shape()))
		if err != nil {
			return nil, err
		}
		p.apply, p.stack = map[string]map[string]int{}, s.stack()
		for id, at := range theirs {
			if _, ok := mine[id]; ok {
				p.apply[id] = at
			}
		}
		if len(p.apply) > 0 {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// reportTwice reports a base, or an instance of a stacked base, that has more
// than one pair in one source: a runtime uses one form only.
func (x *expansion) reportTwice(in *instance, b base, fits []pair) {
	seen := map[string]pair{}
	for i, p := range fits {
		ids := slices.Sorted(maps.Keys(p.apply))
		if p.apply == nil {
			ids = []string{""}
		}
		for _, id := range ids {
			other, dup := seen[id]
			if whole, ok := seen[""]; ok && !dup {
				other, dup = whole, true
			}
			if dup {
				x.res.Diagnostics.Errorf(diag.Keys, CodeUnpaired, "A parameter has its LoRA twice",
					"%s has the factors %s and %s; the runtime uses one form only", b.t.Name, other.a.t.Name, fits[i].a.t.Name).Tensor = b.t.Name
				return
			}
			seen[id] = p
		}
	}
}

// unpaired reports a factor without its partner, and claims it so that it is
// not reported twice.
func (x *expansion) unpaired(row string, p pair) bool {
	have, lack := p.a, p.b
	switch {
	case p.a.t != nil && p.b.t != nil:
		return false
	case p.a.t == nil:
		have, lack = p.b, p.a
	}
	x.claim(have, row)
	d := x.res.Diagnostics.Errorf(diag.Keys, CodeUnpaired, "A LoRA factor has no partner",
		"%s is there, %s is not: the pair cannot be merged and dropping it would lose the fine-tuning%s",
		have.t.Name, lack.tree.root+lack.rel, x.near(lack.tree, lack.rel))
	d.Tensor, d.Rule = lack.tree.root+lack.rel, row
	return true
}

// adapterEnv adds {source} and {parent} to the texts of e.
func adapterEnv(e env, rel string) map[string]string {
	parent := ""
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		parent = rel[:i]
	}
	out := e.with(nil).text
	out["source"], out["parent"] = rel, parent
	return out
}

// claimAdapters claims the factors of bases that are absent, so that one
// fault gives one message.
func (x *expansion) claimAdapters(in *instance, lacking []string) {
	for _, rel := range lacking {
		names := adapterEnv(in.env, rel)
		for _, t := range x.trees {
			for _, l := range in.row.Lora {
				for _, n := range []string{fill(l.A, names), fill(l.B, names)} {
					if t.byName[n] != nil {
						t.claimed[n] = in.row.Name
					}
				}
			}
		}
	}
}
