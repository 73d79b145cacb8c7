package glob_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/loraconv/loraconv/core/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		sep     byte
		name    string
		want    bool
	}{
		{"a/b", '/', "a/b", true},
		{"a/b", '/', "a/bc", false},
		{"a/b", '/', "xa/b", false},
		{"*", '/', "a", true},
		{"*", '/', "a/b", false},
		{"a/*/c", '/', "a/b/c", true},
		{"a/*/c", '/', "a/b/b/c", false},
		{"a*", '/', "a", true},
		{"**", '/', "a/b/c", true},
		{"**", '/', "a", true},
		{"**/w", '/', "w", true},
		{"**/w", '/', "a/b/w", true},
		{"**/w", '/', "a/bw", false},
		{"a/**/w", '/', "a/w", true},
		{"a/**/w", '/', "a/x/y/w", true},
		{"a/**/w", '/', "aw", false},
		{"opt_state/**", '/', "opt_state/0/mu", true},
		{"opt_state/**", '/', "opt_state", false},
		{"opt_state/**", '/', "opt_states/x", false},
		{"**/attn/*_einsum_1/w", '/', "PaliGemma/llm/layers/attn/kv_einsum_1/w", true},
		{"**/attn/*_einsum_1/w", '/', "PaliGemma/llm/layers/attn/kv_einsum/w", false},
		{"a**z", '/', "ab/yz", true},
		{"model.layers.*.mlp.**", '.', "model.layers.12.mlp.up_proj.weight", true},
		{"model.layers.*.mlp.**", '.', "model.layers.12.13.mlp.up_proj.weight", false},
		{"model.*", '.', "model/x", false},
		{"model.*", '.', "model.x/y", true},
		{"a?b[0-9]", '/', "a?b[0-9]", true},
		{"a?b", '/', "axb", false},
		{"a[0-9]*", '/', "a1", false},
		{"a(b|c)*$", '/', "a(b|c)d$", true},
		{"*", '/', "line\nbreak", true},
		{"**", '/', "line\nbreak/x", true},
		{"ä*", '/', "äö", true},
		{"*", '/', "\xff", true},
	} {
		p, err := glob.Compile(c.pattern, c.sep)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := p.Match(c.name); got != c.want {
			t.Errorf("%q matches %q: got %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"", "empty"},
		{"a***b", `"***"`},
		{"\xff*", "UTF-8"},
		{strings.Repeat("a", glob.MaxPattern+1), "1025 bytes"},
		{strings.Repeat("*a", 65), "64 wildcards"},
	} {
		_, err := glob.Compile(c.pattern, '/')
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: got %v, want an error with %q", c.pattern, err, c.want)
		}
	}
}

// match is a second implementation, straight from the package's description.
func match(p, name string, start bool) bool {
	switch {
	case p == "":
		return name == ""
	case start && strings.HasPrefix(p, "**/"):
		if match(p[3:], name, true) {
			return true
		}
		for i := range len(name) {
			if name[i] == '/' && match(p[3:], name[i+1:], true) {
				return true
			}
		}
		return false
	case strings.HasPrefix(p, "**"):
		for i := range len(name) + 1 {
			if match(p[2:], name[i:], false) {
				return true
			}
		}
		return false
	case p[0] == '*':
		for i := range len(name) + 1 {
			if match(p[1:], name[i:], false) {
				return true
			}
			if i < len(name) && name[i] == '/' {
				return false
			}
		}
		return false
	}
	return name != "" && p[0] == name[0] && match(p[1:], name[1:], p[0] == '/')
}

func TestAgainstDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string, n int) string {
		var b strings.Builder
		for range r.IntN(n) + 1 {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	hits := 0
	for range 50000 {
		ptn, name := word("ab/**", 7), word("ab/", 7)
		p, err := glob.Compile(ptn, '/')
		if err != nil {
			continue
		}
		want := match(ptn, name, true)
		if strings.HasSuffix(ptn, "/**") && strings.HasSuffix(name, "/") {
			continue // the one place where "at least one component" is stricter than the second implementation
		}
		if want {
			hits++
		}
		if got := p.Match(name); got != want {
			t.Fatalf("%q matches %q: got %v, want %v", ptn, name, got, want)
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d of the random pairs match: the test says little", hits)
	}
}

func TestNoBlowUp(t *testing.T) {
	p, err := glob.Compile(strings.Repeat("*a", 60)+"b", '/')
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if p.Match(strings.Repeat("a", 4096)) {
		t.Error("matched")
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		p, q string
		want int
	}{
		{"a/b", "a/**", -1},
		{"a/**", "a/b", 1},
		{"**/attn/*", "**", -1},
		{"**/w", "*/w", 1},
		{"*/w", "*/w", 0},
		{"*/a", "*/b", 0},
	} {
		p, _ := glob.Compile(c.p, '/')
		q, _ := glob.Compile(c.q, '/')
		if got := p.Compare(q); got != c.want {
			t.Errorf("%q against %q: got %d, want %d", c.p, c.q, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	l, err := glob.CompileList([]string{"a/*", "**/w"}, '/')
	if err != nil {
		t.Fatal(err)
	}
	if p := l.Match("x/w"); p == nil || p.String() != "**/w" {
		t.Errorf("got %v, want **/w", p)
	}
	if p := l.Match("x/y"); p != nil {
		t.Errorf("got %v, want none", p)
	}
	if _, err := glob.CompileList([]string{"a", ""}, '/'); err == nil {
		t.Error("no error for an empty pattern")
	}
}
