package session

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
)

// idleGlobs warns of patterns over output tensors that hit none.
func (b *builder) idleGlobs(p *plan.Plan) {
	var all []string
	for _, t := range p.Tensors {
		all = append(all, t.Name)
	}
	look := func(what string, patterns []string, at *diag.Range, path ...string) {
		for i, text := range patterns {
			g, err := glob.Compile(text, '.')
			if err != nil || slices.ContainsFunc(all, g.Match) {
				continue
			}
			d := b.ds.Warnf("glob-hits-nothing", "A pattern hits no tensor", "%s %q matches none of the %d output tensors%s", what, text, len(all), didYouMean(text, all))
			if d.Range = at; at == nil {
				d.Path = append(path, strconv.Itoa(i))
			}
		}
	}
	look("allow_nonfinite", b.c.AllowNonFinite, nil, "conversion", b.c.Name, "allow_nonfinite")
	for _, c := range b.c.Checks {
		if c.Kind == spec.CheckDrift {
			at := c.Range
			look(fmt.Sprintf("match of check %q", c.Kind), c.Match, &at)
		}
	}
}
