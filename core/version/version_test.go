package version

import (
	"strings"
	"testing"
)

// The order is that of semver.org, section 11.
func TestCompare(t *testing.T) {
	order := []string{"0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.10", "1.1.0", "10.0.0"}
	for i := range order {
		for j := range order {
			a, err := Parse(order[i])
			if err != nil {
				t.Fatal(err)
			}
			b, err := Parse(order[j])
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Compare(b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s, %s: %d", a, b, got)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-", "1.2.3 ", " 1.2.3", "1.2.3-é", "1.2.3-" + strings.Repeat("a", 300)} {
		if v, err := Parse(s); err == nil {
			t.Errorf("%q is taken as %s", s, v)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, tt := range []struct {
		constraint string
		yes, no    string
	}{
		{"1.2.3", "1.2.3 1.2.3+build", "1.2.4 1.2.2 1.2.3-rc1"},
		{"= 1.2", "1.2.0", "1.2.1"},
		{"!= 1.2.0", "1.2.1 0.1.0", "1.2.0"},
		{"> 1", "1.0.1 2.0.0", "1.0.0 0.9.9"},
		{">= 0.1.0, < 1.0.0", "0.1.0 0.99.0", "0.0.9 1.0.0 1.0.0-rc1 0.2.0-rc1"},
		{"<=2.0", "2.0.0 1.9.9", "2.0.1"},
		{"~> 0.1", "0.1.0 0.1.7 0.9.0", "1.0.0 0.0.9"},
		{"~> 0.1.2", "0.1.2 0.1.30", "0.2.0 0.1.1"},
		{"~> 1.2", "1.2.0 1.10.0", "2.0.0 1.1.9 11.2.0"},
		{">= 0.2.0-beta.1", "0.2.0-beta.1 0.2.0-rc.1 0.2.0 0.3.0", "0.2.0-alpha 0.3.0-beta.1"},
	} {
		c, err := ParseConstraint(tt.constraint)
		if err != nil {
			t.Fatal(err)
		}
		for want, list := range map[bool]string{true: tt.yes, false: tt.no} {
			for _, s := range strings.Fields(list) {
				v, err := Parse(s)
				if err != nil {
					t.Fatal(err)
				}
				if got := c.Allows(v); got != want {
					t.Errorf("%q allows %s: %v", tt.constraint, s, got)
				}
			}
		}
	}
	release, _ := Parse("9.9.9")
	pre, _ := Parse("9.9.9-rc1")
	if none := (Constraint{}); !none.Allows(release) || none.Allows(pre) {
		t.Error("no constraint allows each release, and no prerelease")
	}
}

func TestConstraintRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"":                        "is not a version constraint",
		"abc":                     "is not a version constraint",
		">= 1.0,":                 "is not a version constraint",
		">= 1.0.0.0":              "is not a version constraint",
		"~> 1":                    "at least two parts",
		"=> 1.0":                  `unknown comparison "=>"`,
		"^1.0":                    `unknown comparison "^"`,
		"1.0 - 2.0":               "is not a version constraint",
		strings.Repeat("1,", 200): "is not a version constraint",
	} {
		if _, err := ParseConstraint(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
