package version

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// Constraint is terms that must all hold. The zero value allows each release.
type Constraint struct {
	terms []term
}

type term struct {
	op    string
	v     Version
	given int // parts that were written, 1 to 3
}

// ParseConstraint reads terms that are joined by commas. A version may be
// short: "1.2" is 1.2.0. "~> 1.2" allows the last part that is written to grow,
// so 1.9 and not 2.0.
func ParseConstraint(s string) (Constraint, error) {
	bad := func() (Constraint, error) {
		return Constraint{}, fmt.Errorf("%q is not a version constraint such as \">= 0.1.0, < 1.0.0\" or \"~> 0.1\"", clip(s))
	}
	if len(s) > maxText {
		return bad()
	}
	var c Constraint
	for _, text := range strings.Split(s, ",") {
		text = strings.TrimSpace(text)
		n := strings.IndexAny(text, "0123456789")
		if n < 0 {
			return bad()
		}
		op, number := strings.TrimSpace(text[:n]), "v"+text[n:]
		if !semver.IsValid(number) || strings.Trim(op, "=!<>~^") != "" {
			return bad()
		}
		t := term{op: op, v: Version{semver.Canonical(number)}, given: 1 + strings.Count(core(number), ".")}
		switch op {
		case "", "=", "!=", ">", ">=", "<", "<=":
		case "~>":
			if t.given < 2 {
				return Constraint{}, fmt.Errorf("%q needs at least two parts after ~>, such as \"~> 0.1\"", clip(s))
			}
		default:
			return Constraint{}, fmt.Errorf("%q: unknown comparison %q", clip(s), op)
		}
		c.terms = append(c.terms, t)
	}
	return c, nil
}

// Allows reports whether every term holds. A prerelease is allowed only where
// a term names a prerelease of the same release: nobody gets one unasked.
func (c Constraint) Allows(v Version) bool {
	asked := !v.IsPrerelease()
	for _, t := range c.terms {
		if !t.holds(v) {
			return false
		}
		asked = asked || t.v.IsPrerelease() && t.v.Release() == v.Release()
	}
	return asked
}

func (t *term) holds(v Version) bool {
	d := v.Compare(t.v)
	switch t.op {
	case "", "=":
		return d == 0
	case "!=":
		return d != 0
	case ">":
		return d > 0
	case ">=":
		return d >= 0
	case "<":
		return d < 0
	case "<=":
		return d <= 0
	}
	return d >= 0 && prefix(v, t.given-1) == prefix(t.v, t.given-1) // ~>
}

// prefix is the first n numbers of a version.
func prefix(v Version, n int) string {
	return strings.Join(strings.SplitN(core(v.v), ".", 3)[:n], ".")
}
