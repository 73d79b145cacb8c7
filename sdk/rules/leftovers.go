package rules

import (
	"fmt"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
)

// near proposes a parameter that nothing has claimed and whose name is close.
func (x *expansion) near(t *tree, rel string) string {
	if s := manifest.Suggest(rel, t.unclaimed()); s != "" {
		return fmt.Sprintf("; did the checkpoint mean %s?", t.root+s)
	}
	return ""
}

// reportAbsent reports required rows without a parameter, once all claims are
// known.
func (x *expansion) reportAbsent() {
	t := x.trees[0]
	for _, a := range x.absent {
		d := x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A required parameter is missing",
			"%s is not in source %q (row %q)%s", t.root+a.name, t.src.Name, a.rule, x.near(t, a.name))
		d.Tensor, d.Rule = t.root+a.name, a.rule
		x.missing = append(x.missing, a.name)
	}
}

// leftovers drops what a rule drops and refuses the rest by name.
func (x *expansion) leftovers() {
	for _, t := range x.trees {
		for _, rel := range t.unclaimed() {
			x.leftover(t, rel)
		}
	}
}

func (x *expansion) leftover(t *tree, rel string) {
	full := t.root + rel
	for _, d := range x.Table.Drops {
		g, err := glob.Compile(d.Source, '/')
		if err != nil || !g.Match(rel) {
			continue
		}
		if ok, err := x.holds(d.When, nil); err != nil || !ok {
			continue
		}
		x.res.Drops = append(x.res.Drops, plan.Drop{From: t.src.Name, Name: full, Reason: d.Reason, Rule: d.Name})
		return
	}
	for _, r := range x.Table.Refusals {
		if g, err := glob.Compile(r.Source, '/'); err == nil && g.Match(rel) {
			d := x.res.Diagnostics.Errorf(diag.Keys, CodeRefused, "A parameter cannot be converted", "%s: %s", full, r.Reason)
			d.Tensor, d.Rule = full, r.Name
			return
		}
	}
	hint := ""
	if s := manifest.Suggest(rel, x.missing); s != "" {
		hint = fmt.Sprintf("; %s is missing: is this it under another name?", t.root+s)
	}
	x.res.Diagnostics.Errorf(diag.Keys, plan.CodeUnexpected, "A source parameter is used by nothing",
		"%s %v in source %q: no row knows it%s. If it may be left out, say so in the source block: drop \"name\" { match = [%q], reason = \"…\" }",
		full, t.byName[rel].Shape, t.src.Name, hint, full).Tensor = full
}
