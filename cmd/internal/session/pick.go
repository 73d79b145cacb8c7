package session

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/spec"
)

// pick keeps the conversions that only and except choose, in the spec's order.
// A pattern that chooses none is an error.
func pick(all []*spec.Conversion, only, except []string) ([]*spec.Conversion, *diag.Diagnostic) {
	keep := all
	for _, step := range []struct {
		flag     string
		patterns []string
		in       bool
	}{{"-only", only, true}, {"-except", except, false}} {
		if len(step.patterns) == 0 {
			continue
		}
		var next []*spec.Conversion
		hit := map[string]bool{}
		for _, c := range keep {
			chosen := false
			for _, text := range step.patterns {
				g, err := glob.Compile(text, '/')
				if err != nil {
					return nil, diag.New(diag.Usage, "bad-glob", "A pattern cannot be read", "%s %q: %v", step.flag, text, err)
				}
				if g.Match(c.Name) {
					chosen, hit[text] = true, true
				}
			}
			if chosen == step.in {
				next = append(next, c)
			}
		}
		for _, text := range step.patterns {
			if !hit[text] {
				return nil, diag.New(diag.Usage, "glob-hits-nothing", "A pattern chooses no conversion", "%s %q%s", step.flag, text, didYouMean(text, names(all)))
			}
		}
		keep = next
	}
	return keep, nil
}

func names(cs []*spec.Conversion) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.Name
	}
	return out
}

func didYouMean(name string, candidates []string) string {
	if s := manifest.Suggest(name, candidates); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

func picking(only, except []string) string {
	var parts []string
	if len(only) > 0 {
		parts = append(parts, "-only "+strings.Join(only, ","))
	}
	if len(except) > 0 {
		parts = append(parts, "-except "+strings.Join(except, ","))
	}
	if len(parts) == 0 {
		return ""
	}
	return " that " + strings.Join(parts, " and ") + " would leave"
}
