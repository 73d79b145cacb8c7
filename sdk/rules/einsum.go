package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
)

// ruleEinsum is an einsum as a row writes it.
type ruleEinsum struct {
	a, b, out []rule.Axis
}

func parseRuleEinsum(s string) (*ruleEinsum, error) {
	in, out, ok := strings.Cut(s, "->")
	l, r, ok2 := strings.Cut(in, ",")
	if !ok || !ok2 {
		return nil, fmt.Errorf("einsum %q must read \"a, b -> out\"", s)
	}
	e := &ruleEinsum{}
	for _, p := range []struct {
		dst  *[]rule.Axis
		text string
	}{{&e.a, l}, {&e.b, r}, {&e.out, out}} {
		axes, err := rule.ParseAxes(p.text)
		if err != nil {
			return nil, err
		}
		*p.dst = axes
	}
	return e, nil
}

// labelled writes axes as a plan does: groups of labels without nesting. A sum
// of segments is one label there, named after them: (v + pad) is v_pad.
func labelled(axes []rule.Axis) plan.Axes {
	out := plan.Axes{}
	for _, a := range axes {
		out = append(out, labelsOf(a))
	}
	return out
}

func labelsOf(a rule.Axis) []string {
	switch {
	case a.Letter != "":
		return []string{a.Letter}
	case a.Sum != nil:
		return []string{strings.Join(rule.Letters(a.Sum), "_")}
	}
	out := []string{}
	for _, p := range a.Prod {
		out = append(out, labelsOf(p)...)
	}
	return out
}

// joined replaces the labels of each axis of the last part by one label, where
// every part has them side by side in one axis: a plan's einsum binds to
// shapes alone, and those do not tell the sizes within an axis.
//
//	d r, r (n half two) -> d n (half two)      d r, r (n half_two) -> d n half_two
func joined(parts ...plan.Axes) []plan.Axes {
	for _, group := range parts[len(parts)-1] {
		if len(group) < 2 || !everyHas(parts, group) {
			continue
		}
		for i := range parts {
			parts[i] = replaced(parts[i], group)
		}
	}
	return parts
}

func everyHas(parts []plan.Axes, group []string) bool {
	for _, axes := range parts {
		for _, ax := range axes {
			some := slices.ContainsFunc(ax, func(l string) bool { return slices.Contains(group, l) })
			if some && find(ax, group) < 0 {
				return false
			}
		}
	}
	return true
}

func find(ax, group []string) int {
	for i := 0; i+len(group) <= len(ax); i++ {
		if slices.Equal(ax[i:i+len(group)], group) {
			return i
		}
	}
	return -1
}

func replaced(axes plan.Axes, group []string) plan.Axes {
	out := plan.Axes{}
	for _, ax := range axes {
		if i := find(ax, group); i >= 0 {
			ax = slices.Concat(ax[:i], []string{strings.Join(group, "_")}, ax[i+len(group):])
		}
		out = append(out, ax)
	}
	return out
}
