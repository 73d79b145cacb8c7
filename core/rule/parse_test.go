package rule

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every fault is reported with its line; the text is whole.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"not HCL", "= 3", `t.hcl:1: Argument or block definition required; An argument or block definition is required here.`},
		{"unknown block", `frob "x" {}`, `t.hcl:1: unknown block "frob"`},
		{"unknown argument", "runtim = \"x\"", `t.hcl:1: unknown argument "runtim"`},
		{"label missing", `rule {}`, `t.hcl:1: block "rule" takes one label`},
		{"twice", "define \"a\" {\n  value = 1\n}\ndefine \"a\" {\n  value = 2\n}", `t.hcl:4: define "a" stands twice`},
		{"no value", `define "a" {}`, `t.hcl:1: argument "value" is required`},
		{"no source", "rule \"q\" {\n  axes = \"d\"\n  to = \"d\"\n  target = \"t\"\n}", `t.hcl:1: rule "q" needs a source, or a fill and no source`},
		{"parts and source", row("part {\n    source = \"p\"\n    axes = \"d\"\n  }"), `t.hcl:1: rule "q" joins parts: beside them stand no source, axes, fill, lora, names, drop or optional`},
		{"part without axes", "rule \"q\" {\n  part {\n    source = \"p\"\n  }\n  to = \"d\"\n  target = \"t\"\n}", `t.hcl:2: argument "axes" is required`},
		{"axes of a part", "rule \"q\" {\n  part {\n    source = \"p\"\n    axes = \"d (\"\n  }\n  to = \"d\"\n  target = \"t\"\n}", `t.hcl:2: rule "q": axes "d (": '(' is not closed`},
		{"part of a part", "rule \"q\" {\n  part {\n    source = \"p\"\n    axes = \"d\"\n    part {}\n  }\n  to = \"d\"\n  target = \"t\"\n}", `t.hcl:5: unknown block "part"`},
		{"mul and div", row("mul = 1\n  div = 2"), `t.hcl:1: rule "q" has both mul and div`},
		{"axes", row(`lora {
    a = "x"
    b = "y"
    einsum = "d r, r h) -> d h"
    scale = 1
  }`), `t.hcl:6: rule "q": einsum: axes " r h) ": ')' without '('`},
		{"no scale", row("lora {\n    a = \"x\"\n    b = \"y\"\n    einsum = \"d r, r h -> d h\"\n  }"), `t.hcl:6: lora of rule "q" has no scale; a scale is never assumed`},
		{"einsum of one", row("lora {\n    a = \"x\"\n    b = \"y\"\n    einsum = \"d r -> d h\"\n    scale = 1\n  }"), `t.hcl:6: rule "q": einsum "d r -> d h" must read "a, b -> out"`},
		{"no reason", row(`drop = { pad = "" }`), `t.hcl:1: rule "q" drops "pad" without a reason`},
		{"string wanted", row("runtime = 3"), `t.hcl:6: runtime must be a string`},
		{"no such type", row("runtime = \"bf16\""), `t.hcl:6: runtime is "bf16", wanted a floating-point type such as "float32" or "bfloat16"`},
		{"type of whole numbers", "runtime = \"int32\"", `t.hcl:1: runtime is "int32", wanted a floating-point type such as "float32" or "bfloat16"`},
		{"size of nothing", row("size = { n = 2 }"), `t.hcl:1: rule "q" says a size of "n", which is no letter of its axes`},
		{"names of nothing", row("names = { n = [\"a\"] }"), `t.hcl:1: rule "q" names positions of "n", which is no letter of its axes`},
		{"list wanted", row("names = { d = 3 }"), `t.hcl:6: names must be a list of strings`},
		{"object wanted", row("size = 3"), `t.hcl:6: size must be an object`},
		{"bad key", row(`where = { "a b" = "c" }`), `t.hcl:6: where: "a b" is not a name`},
		{"truth wanted", row(`optional = "yes"`), `t.hcl:6: optional must be true or false`},
		{"unknown function", row("mul = exp(1)"), `t.hcl:6: expression "exp(1)": there is no function "exp", wanted one of bf16, count, floor, has, max, min, sqrt`},
		{"template", row(`when = has("a/${b}")`), `t.hcl:6: expression "has(\"a/${b}\")": a string holds ${…}; captures are written {…}`},
		{"loop", row(`mul = [for x in [1]: x]`), `t.hcl:6: expression "[for x in [1]: x]": *hclsyntax.ForExpr is not part of the notation: only names, numbers, strings, operators, a ? b : c and functions are`},
		{"parts", row(`mul = a.b`), `t.hcl:6: expression "a.b": a has parts; names are single words`},
		{"huge number", row(`mul = 1e999`), `t.hcl:6: expression "1e999": a number is outside what a float64 holds`},
		{"heredoc", "define \"a\" {\n  value = <<E\nx\nE\n}", `t.hcl: line 2: a heredoc is not part of the notation`},
		{"block nowhere", `block "layer" {}`, `t.hcl:1: block "layer" is nowhere: it needs an at`},
		{"path", "block \"layer\" {\n  at \"a_{l}{m}\" {}\n}", `t.hcl:2: path "a_{l}{m}": two letters stand side by side`},
		{"path braces", "block \"layer\" {\n  at \"a_{l\" {}\n}", `t.hcl:2: path "a_{l": braces hold one letter each, each letter once`},
		{"two meanings", "block \"layer\" {\n  at \"a_{l}\" {\n    l = 2\n  }\n}", `t.hcl:3: letter "l" has two meanings`},
		{"no letter of its own", "block \"layer\" {\n  own = \"h 2\"\n  at \"a\" {}\n}", `t.hcl:1: own: "2" is not a letter`},
		{"not a letter", "block \"layer\" {\n  at \"a\" {\n    stack = \"2\"\n  }\n}", `t.hcl:2: "2" is not a letter`},
		{"block in block", "define \"a\" {\n  value = 1\n  x {}\n}", `t.hcl:3: unknown block "x"`},
		{"all of them", "a = 1\nb = 2", "t.hcl:1: unknown argument \"a\"\nt.hcl:2: unknown argument \"b\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.text, "t.hcl")
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func row(more string) string {
	return "rule \"q\" {\n  source = \"w\"\n  axes = \"d h\"\n  to = \"h d\"\n  target = \"t\"\n  " + more + "\n}"
}

func TestParseRefusesDepthAndLength(t *testing.T) {
	for _, text := range []string{
		`define "a" { value = ` + strings.Repeat("(", 4000) + "1" + strings.Repeat(")", 4000) + " }",
		`define "a" { value = ` + strings.Repeat("-", 100000) + "1 }",
		`define "a" { value = ` + strings.Repeat("a?", 4000) + "1 }",
		strings.Repeat("#", MaxBytes+1),
		strings.Repeat(`rule "a" { `, 4000),
	} {
		if _, err := Parse(text, "t.hcl"); err == nil {
			t.Errorf("%.20q… was read", text)
		}
	}
}

func TestParseAxes(t *testing.T) {
	for _, c := range []struct{ text, want, err string }{
		{"l n h d", "l n h d", ""},
		{" d   (n h) ", "d (n h)", ""},
		{"1 p v", "1 p v", ""},
		{"(d)", "d", ""},
		{"()", "1", ""},
		{"d (g (q + k + v + z))", "d (g (q + k + v + z))", ""},
		{"((g q) + (g k)) d", "((g q) + (g k)) d", ""},
		{"(g q + g k) d", "((g q) + (g k)) d", ""},
		{"(v + pad) d", "(v + pad) d", ""},
		{"", "", ""},
		{"d d", "", `axes "d d": letter "d" stands twice`},
		{"d (n d)", "", `axes "d (n d)": letter "d" stands twice`},
		{"(g q + g k) g", "", `axes "(g q + g k) g": letter "g" stands twice`},
		{"(q q + k)", "", `axes "(q q + k)": letter "q" stands twice`},
		{"d (n", "", `axes "d (n": '(' is not closed`},
		{"d n)", "", `axes "d n)": ')' without '('`},
		{"a + b", "", `axes "a + b": '+' stands outside brackets`},
		{"(a + )", "", `axes "(a + )": a segment of a sum is empty`},
		{"( + a)", "", `axes "( + a)": a segment of a sum is empty`},
		{"((((a))))", "", `axes "((((a))))": brackets are nested deeper than 3`},
		{"(w (q + k v) + y)", "", `axes "(w (q + k v) + y)": brackets are nested deeper than 3`},
		{"2 d", "", `axes "2 d": unexpected '2'`},
		{"1d", "", `axes "1d": unexpected '1'`},
		{"d\tn", "", `axes "d\tn": unexpected '\t'`},
	} {
		got, err := ParseAxes(c.text)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: %v, wanted %s", c.text, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if s := FormatAxes(got); s != c.want {
			t.Errorf("%q prints as %q, wanted %q", c.text, s, c.want)
		}
	}
}

func TestExpr(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		err  string
	}{
		{"sqrt(4) * 3", 6, ""},
		{"bf16(sqrt(2560))", 50.5, ""}, // 50.596 between 50.5 and 50.75
		{"true ? min(2, 3) : max(2, 3)", 2, ""},
		{"7 % 4 + floor(2.5)", 5, ""},
		{"1 / 0", 0, "1 / 0: is not a finite number"},
		{"sqrt(-1)", 0, "sqrt(-1): Call to function \"sqrt\" failed: sqrt of -1."},
		{`"a"`, 0, `"a": a number is required`},
		{"null", 0, "null: has no value"},
	} {
		e, err := ParseExpr(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Number(nil, nil)
		switch {
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("%s: %v, wanted %s", c.text, err, c.err)
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s = %v, %v; wanted %v", c.text, got, err, c.want)
		}
	}
}

// What Format prints, Parse reads back as the same table.
func TestFormatRoundTrip(t *testing.T) {
	paths, _ := filepath.Glob("../../sdk/rules/testdata/*.hcl")
	if len(paths) < 10 {
		t.Fatalf("found %d tables", len(paths))
	}
	texts := map[string]string{"everything": everything}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		texts[p] = string(b)
	}
	for name, text := range texts {
		table, err := Parse(text, name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(Format(table), name)
		if err != nil {
			t.Fatalf("%v in\n%s", err, Format(table))
		}
		if d := cmp.Diff(table, again); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if Format(table) != Format(again) {
			t.Errorf("%s: printed twice, two texts", name)
		}
	}
}

const everything = `
roots   = ["params/params", "params"]
runtime = "bfloat16"
letters = { l = "layers, \"stacked\"", for = "a word of HCL's" }

capture "expert" {
  shared = true
  value "" { tower = "a.$${b}\\c\n" }
  value "_1" {
    tower = "b%%{x}"
    when  = model != "x" # a comment
  }
}
capture "none" {}

block "layer" {
  optional = true
  own      = "h  g"
  count    = num_layers
  at "decoder/layers/layers_{b}" {
    stack = "j  k"
    axis  = 0
    l     = 6*j + b
    when  = (has("a/*")
      || b)
  }
  at "decoder/layers_{l}" {}
}

define "x" { value = rslora ? alpha / sqrt(r) : -alpha / r }

rule "q" {
  when     = !x && ( a == "b" )
  optional = true
  where    = { expert = "_1" }
  source   = "{layer}/{s}{expert}"
  axes     = "s t for d (v + pad)"
  names    = { s = ["a", "b"], t = [] }
  size     = { v = 3 * d, "for" = max(1, 2) }
  drop     = { pad = "padding" }
  lora {
    a      = "{source}_lora_a"
    b      = "{parent}/lora_b"
    einsum = "d r, r (v + pad) -> d (v + pad)"
    scale  = x
  }
  lora {
    a      = "c"
    b      = "d"
    einsum = "d r, r v -> d v"
    scale  = 1.50
  }
  mul     = bf16(sqrt(d))
  add     = -1
  to      = "v d"
  target  = "model.{6*j + b}.w"
  module  = "m.{l}"
  runtime = "float32"
}
rule "j" {
  part {
    source = "{layer}/p"
    axes   = "d p"
  }
  part {
    source = "{layer}/q"
    axes   = "d a b"
  }
  to     = "(p + (a b)) d"
  target = "j"
}
rule "f" {
  axes   = "d"
  fill   = 0
  to     = "d"
  target = "f"
}
drop "opt" {
  source = "opt/**"
  reason = "not a parameter"
  when   = x
}
refuse "moe" {
  source = "**/moe"
  reason = "no"
}
`

func TestMerge(t *testing.T) {
	a, err := Parse(everything, "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(row("div = 2")+"\nrule \"new\" {\n source = \"n\"\n axes = \"d\"\n to = \"d\"\n target = \"n\"\n}", "b")
	if err != nil {
		t.Fatal(err)
	}
	m := a.Merge(b)
	var names []string
	for _, r := range m.Rows {
		names = append(names, r.Name)
	}
	if d := cmp.Diff([]string{"q", "j", "f", "new"}, names); d != "" {
		t.Error(d)
	}
	if m.Row("q").Div == nil || a.Row("q").Div != nil {
		t.Error("the row is not replaced, or the built-in table was changed")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("# c\n\ninclude = [\"a\"]\n# d\nrule \"q\" {}")
	paths, _ := filepath.Glob("../../sdk/rules/testdata/*.hcl")
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = Resolve("f.hcl", read(map[string]string{"f.hcl": text, "a": everything}))
		table, err := Parse(text, "f.hcl")
		if err != nil {
			return
		}
		again, err := Parse(Format(table), "f.hcl")
		if err != nil {
			t.Fatalf("%v in\n%s", err, Format(table))
		}
		if d := cmp.Diff(table, again); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzAxes(f *testing.F) {
	for _, s := range []string{"d (g (q + k + v + z))", "((g q) + (g k)) d", "1 p", "(((a)))", "d (w (q + k v + z) + y)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAxes(s)
		if err != nil {
			return
		}
		b, err := ParseAxes(FormatAxes(a))
		if err != nil || !cmp.Equal(a, b) {
			t.Fatalf("%q prints as %q: %v", s, FormatAxes(a), err)
		}
	})
}

// TestNestingIsBounded: HCL's parser recurses, and a stack that overflows ends
// the process. A line break within brackets ends no expression.
func TestNestingIsBounded(t *testing.T) {
	const many = 500
	for name, value := range map[string]string{
		"brackets":            strings.Repeat("(", many) + "1" + strings.Repeat(")", many),
		"signs":               strings.Repeat("-", many) + "1",
		"signs, a line each":  "(" + strings.Repeat("-\n", many) + "1)",
		"not, a line each":    "(" + strings.Repeat("!\n", many) + "true)",
		"conditions":          strings.Repeat("a ? b : ", many) + "c",
		"conditions, by line": "(" + strings.Repeat("a ? b :\n", many) + "c)",
	} {
		if _, err := Parse("define \"x\" {\n  value = "+value+"\n}\n", "t"); err == nil || !strings.Contains(err.Error(), "nested deeper") {
			t.Errorf("%s: error %.100v", name, err)
		}
		if _, err := ParseExpr(value); err == nil || !strings.Contains(err.Error(), "nested deeper") {
			t.Errorf("%s, alone: error %.100v", name, err)
		}
	}
	if _, err := Parse("define \"x\" {\n  value = 1"+strings.Repeat("+1", many*10)+"\n}\n", "t"); err == nil || err.Error() != "t:2: expression of 10001 bytes, at most 4096" {
		t.Errorf("a long sum: error %v", err)
	}
	percents := "drop \"x\" {\n  reason = \"" + strings.Repeat("a% ", 5000) + "\"\n}\n"
	if _, err := Parse(percents, "t"); err == nil || err.Error() != "t: line 2: a string in more than 1024 pieces; each % begins one" {
		t.Errorf("a string of many pieces: error %v", err)
	}
	// Lines that end arguments begin anew.
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "define \"d%d\" {\n  value = -1\n}\n", i)
	}
	if _, err := Parse(lines.String(), "t"); err != nil {
		t.Error(err)
	}
}
