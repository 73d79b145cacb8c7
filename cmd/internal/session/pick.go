package session

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
)

// pick keeps the conversions that only and except choose, in their order. A
// pattern that chooses none is an error.
func pick[C any](all []C, name func(C) string, only, except []string) ([]C, *diag.Diagnostic) {
	keep := all
	for _, step := range []struct {
		flag     string
		patterns []string
		in       bool
	}{{"-only", only, true}, {"-except", except, false}} {
		if len(step.patterns) == 0 {
			continue
		}
		var next []C
		hit := map[string]bool{}
		for _, c := range keep {
			chosen := false
			for _, text := range step.patterns {
				g, err := glob.Compile(text, '/')
				if err != nil {
					return nil, diag.New(diag.Usage, "bad-glob", "A pattern cannot be read", "%s %q: %v", step.flag, text, err)
				}
				if g.Match(name(c)) {
					chosen, hit[text] = true, true
				}
			}
			if chosen == step.in {
				next = append(next, c)
			}
		}
		for _, text := range step.patterns {
			if !hit[text] {
				return nil, diag.New(diag.Usage, "glob-hits-nothing", "A pattern chooses no conversion", "%s %q%s; the conversions are %s", step.flag, text, didYouMean(text, names(all, name)), someOf(names(all, name)))
			}
		}
		keep = next
	}
	return keep, nil
}

func names[C any](cs []C, name func(C) string) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = name(c)
	}
	return out
}

// someOf quotes the first few of many names.
func someOf(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "none"
	}
	q := make([]string, min(most, len(names)))
	for i := range q {
		q[i] = strconv.Quote(names[i])
	}
	if n := len(names) - len(q); n > 0 {
		q = append(q, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(q, ", ")
}

// nothing is what a spec or a plan file without a conversion is told.
func nothing(path string, only, except []string) *diag.Diagnostic {
	return diag.New(diag.Usage, "no-conversion", "There is nothing to convert", "%s holds no conversion%s", path, picking(only, except))
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
