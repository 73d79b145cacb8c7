package codes

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each entry says something in each part, once, in whole sentences.
func TestTable(t *testing.T) {
	if len(Names()) < 100 {
		t.Fatalf("only %d codes", len(Names()))
	}
	form := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	exits := []int{0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 64}
	seen := map[string]bool{}
	for _, g := range Groups() {
		for _, c := range g.Codes {
			if !form.MatchString(c.Name) || seen[c.Name] {
				t.Errorf("%q is no code, or stands twice", c.Name)
			}
			seen[c.Name] = true
			for _, s := range []string{c.Means, c.Why, c.Next} {
				if len(s) < 12 || !strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
					t.Errorf("%s: %q is no sentence", c.Name, s)
				}
			}
			if len(c.Exit) == 0 {
				t.Errorf("%s: no exit code", c.Name)
			}
			for i, n := range c.Exit {
				if !slices.Contains(exits, n) || slices.Contains(c.Exit[:i], n) {
					t.Errorf("%s: exit %d is none of the table's, or stands twice", c.Name, n)
				}
			}
			if Find(c.Name) == nil || Find(c.Name).Means != c.Means {
				t.Errorf("%s is not found", c.Name)
			}
		}
	}
	if Find("no-such-code") != nil {
		t.Error("a code was found that there is not")
	}
}

func TestEnds(t *testing.T) {
	for want, exit := range map[string][]int{"exit 3": {3}, "exit 64 or 3": {64, 3}, "a warning": {0}, "exit 64, or a warning": {64, 0}} {
		if got := (&Code{Exit: exit}).Ends(); got != want {
			t.Errorf("%v: %q, wanted %q", exit, got, want)
		}
	}
}

// The page in the tree is the one that `make generate` would write.
func TestPageIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../loraconv/DIAGNOSTICS.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), string(Markdown())); d != "" {
		t.Errorf("run go generate ./cmd/internal/codes\n%s", d)
	}
}
