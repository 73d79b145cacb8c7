package rules

import (
	"fmt"

	"github.com/loraconv/loraconv/core/rule"
)

// solve finds the one unknown letter of an axis of the given size, or checks
// the size when all are known.
func solve(a rule.Axis, size int, sizes map[string]int) error {
	if a.Letter != "" {
		if n, ok := sizes[a.Letter]; ok && n != size {
			return fmt.Errorf("%s is %d here, wanted %d", a.Letter, size, n)
		}
		sizes[a.Letter] = size
		return nil
	}
	parts, known, open := a.Prod, 1, -1
	if a.Sum != nil {
		parts, known = a.Sum, 0
	}
	for i, p := range parts {
		n, ok := measure(p, sizes)
		switch {
		case !ok && open >= 0:
			return fmt.Errorf("%w: %s", errOpen, rule.FormatAxes([]rule.Axis{a}))
		case !ok:
			open = i
		case a.Sum != nil:
			known += n
		default:
			known *= n
		}
	}
	if open < 0 {
		if known != size {
			return fmt.Errorf("%s is %d here, wanted %d", rule.FormatAxes([]rule.Axis{a}), size, known)
		}
		return nil
	}
	if a.Sum != nil {
		if size < known {
			return fmt.Errorf("%s is %d here, wanted at least %d", rule.FormatAxes([]rule.Axis{a}), size, known)
		}
		return solve(parts[open], size-known, sizes)
	}
	if known == 0 || size%known != 0 {
		return fmt.Errorf("%s is %d here, which %d does not divide", rule.FormatAxes([]rule.Axis{a}), size, known)
	}
	return solve(parts[open], size/known, sizes)
}

// measure returns the size of an axis whose letters are all known.
func measure(a rule.Axis, sizes map[string]int) (int, bool) {
	if a.Letter != "" {
		n, ok := sizes[a.Letter]
		return n, ok
	}
	parts, n := a.Prod, 1
	if a.Sum != nil {
		parts, n = a.Sum, 0
	}
	for _, p := range parts {
		m, ok := measure(p, sizes)
		if !ok {
			return 0, false
		}
		if a.Sum != nil {
			n += m
		} else {
			n *= m
		}
	}
	return n, true
}
