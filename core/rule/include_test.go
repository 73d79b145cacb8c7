package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ends = `# What all have.

roots   = ["params"]
letters = {
  d = "width"
  v = "vocabulary"
}

# One number says both.
define "scale" {
  value = alpha / r
}

rule "embedding" {
  source = "embedding"
  axes   = "v d"
  to     = "v d"
  target = "embed.weight"
}

# Comes with the head.
drop "rng" {
  source = "**/rngs/**"
  reason = "state"
}
`

const llm = `# A model.
# Its mapping.

include = ["ends", "mlp"]
letters = { v = "words", for = "a word of HCL's" }

# Padded here.
rule "embedding" {
  source = "embedding"
  axes   = "(v + pad) d"
  drop   = { pad = "padding" }
  to     = "v d"
  target = "embed.weight"
}

refuse "embedding" {
  source = "old/**"
  reason = "older"
}`

const mlp = `include = ["ends"]
rule "up" {
  source = "up"
  axes   = "d f"
  to     = "f d"
  target = "up.weight"
}
`

// What is included comes first, what the table says itself takes the place of
// what has its name, and comments stay with their blocks.
const resolved = `# A model.
# Its mapping.

roots = ["params"]

letters = {
  d     = "width"
  "for" = "a word of HCL's"
  v     = "words"
}

# One number says both.
define "scale" {
  value = alpha / r
}

# Padded here.
rule "embedding" {
  source = "embedding"
  axes   = "(v + pad) d"
  drop   = { pad = "padding" }
  to     = "v d"
  target = "embed.weight"
}

# Comes with the head.
drop "rng" {
  source = "**/rngs/**"
  reason = "state"
}

rule "up" {
  source = "up"
  axes   = "d f"
  to     = "f d"
  target = "up.weight"
}

refuse "embedding" {
  source = "old/**"
  reason = "older"
}
`

func read(texts map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		text, ok := texts[name]
		if !ok {
			return "", fmt.Errorf("there is no table %q", name)
		}
		return text, nil
	}
}

func TestResolve(t *testing.T) {
	texts := map[string]string{"ends": ends, "llm": llm, "mlp": mlp}
	got, err := Resolve("llm", read(texts))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(resolved, "\n"), strings.Split(got, "\n")); d != "" {
		t.Error(d)
	}
	table, err := Parse(got, "llm")
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 2 || table.Row("embedding").Drop == nil || table.Letters["v"] != "words" {
		t.Errorf("%+v", table)
	}
	if got, err := Resolve("ends", read(texts)); err != nil || got != ends {
		t.Errorf("a text without includes was changed: %v", err)
	}
}

func TestResolveErrors(t *testing.T) {
	other := strings.Replace(ends, "alpha / r", "alpha", 1)
	for _, c := range []struct {
		name, text, want string
	}{
		{"nobody", `include = ["nobody"]`, `there is no table "nobody"`},
		{"circle", `include = ["t"]`, `t includes t: in a circle, or deeper than 8`},
		{"two opinions", `include = ["ends", "other"]`, `t: define scale is not the same in ends and in other, which are both included`},
		{"two letters", `include = ["ends", "letters"]`, `t: letter "d" is "width" in one included table and "depth" in another`},
		{"not a list", `include = "ends"`, `t:1: include must be a list of strings`},
		{"unknown argument", "include = [\"ends\"]\nincludes = 1", `t:2: unknown argument "includes"`},
		{"broken", `include = ["broken"]`, `broken:1: Unclosed configuration block; There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Resolve("t", read(map[string]string{"t": c.text, "ends": ends, "other": other, "letters": `letters = { d = "depth" }`, "broken": `rule "a" {`}))
			if err == nil || err.Error() != c.want {
				t.Errorf("%v, wanted %s", err, c.want)
			}
		})
	}
	// Of two opinions the table's own counts.
	own := "include = [\"ends\", \"other\"]\ndefine \"scale\" {\n  value = 1\n}\n"
	got, err := Resolve("t", read(map[string]string{"t": own, "ends": ends, "other": other}))
	if err != nil || strings.Count(got, "define") != 1 || !strings.Contains(got, "value = 1") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := Parse(own, "t"); err == nil || !strings.Contains(err.Error(), `unknown argument "include"`) {
		t.Errorf("a table was read without what it includes: %v", err)
	}
}
