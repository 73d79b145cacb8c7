package rules

import (
	"fmt"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
)

// maxSuggestions bounds how many names are compared with all others: with
// more faults than that, the checkpoint is another model.
const maxSuggestions = 32

// near proposes a parameter that nothing has claimed and whose name is close.
func (x *expansion) near(t *tree, rel string) string {
	if x.suggested++; x.suggested > maxSuggestions {
		return ""
	}
	if s := manifest.Suggest(rel, t.unclaimed()); s != "" {
		return fmt.Sprintf("; did the checkpoint mean %s?", t.full(s))
	}
	return ""
}

// reportAbsent reports required rows without a parameter, once all claims are
// known.
func (x *expansion) reportAbsent() {
	t := x.trees[0]
	for _, a := range x.absent {
		if x.tooMany() {
			break
		}
		d := x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A required parameter is missing",
			"%s is not in source %q (row %q)%s", t.wanted(a.name), t.src.Name, a.rule, x.near(t, a.name))
		d.Tensor, d.Rule = t.root+a.name, a.rule
		x.missing = append(x.missing, a.name)
	}
}

// maxFaults bounds how many faults one expansion reports.
const maxFaults = 1000

func (x *expansion) tooMany() bool {
	n := len(x.res.Diagnostics)
	if n == maxFaults {
		x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "More faults than are reported", "the first %d are shown; is this another model's checkpoint?", maxFaults)
	}
	return n >= maxFaults
}

// leftovers drops what a rule drops and refuses the rest by name.
func (x *expansion) leftovers() error {
	ls, err := x.leaving()
	if err != nil {
		return err
	}
	for _, t := range x.trees {
		for _, rel := range t.unclaimed() {
			if x.tooMany() {
				return nil
			}
			x.leftover(t, rel, ls)
		}
	}
	return nil
}

// leaving is a drop or a refusal whose condition holds.
type leaving struct {
	glob         *glob.Pattern
	name, reason string
	refused      bool
}

func (x *expansion) leaving() ([]leaving, error) {
	var out []leaving
	for _, d := range x.Table.Drops {
		ok, err := x.holds(d.When, env{})
		if err != nil {
			x.faultOf(err, d.Name)
			continue
		}
		g, err := glob.Compile(d.Source, '/')
		if err != nil {
			return nil, fmt.Errorf("drop %q: %w", d.Name, err)
		}
		if ok {
			out = append(out, leaving{g, d.Name, d.Reason, false})
		}
	}
	for _, r := range x.Table.Refusals {
		g, err := glob.Compile(r.Source, '/')
		if err != nil {
			return nil, fmt.Errorf("refuse %q: %w", r.Name, err)
		}
		out = append(out, leaving{g, r.Name, r.Reason, true})
	}
	return out, nil
}

func (x *expansion) leftover(t *tree, rel string, ls []leaving) {
	full := t.full(rel)
	for _, l := range ls {
		if !l.glob.Match(rel) {
			continue
		}
		if !l.refused {
			x.res.Drops = append(x.res.Drops, plan.Drop{From: t.src.Name, Name: full, Reason: l.reason, Rule: l.name})
			return
		}
		d := x.res.Diagnostics.Errorf(diag.Keys, CodeRefused, "A parameter cannot be converted", "%s: %s", full, l.reason)
		d.Tensor, d.Rule = full, l.name
		return
	}
	hint := ""
	if x.suggested++; x.suggested <= maxSuggestions {
		if s := manifest.Suggest(rel, x.missing); s != "" {
			hint = fmt.Sprintf("; perhaps it is %s, which is missing, under another name", t.root+s)
		}
	}
	x.res.Diagnostics.Errorf(diag.Keys, plan.CodeUnexpected, "A source parameter is used by nothing",
		"%s %v in source %q: no row knows it%s. If it may be left out, say so in the source block: drop \"name\" { match = [%q], reason = \"…\" }",
		full, t.byName[rel].Shape, t.src.Name, hint, full).Tensor = full
}
