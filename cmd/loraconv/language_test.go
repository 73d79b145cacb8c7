package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRuleBlocks converts with rules and compares every tensor with outputs
// made without them.
func TestRuleBlocks(t *testing.T) {
	dir := t.TempDir()
	run := func(name, spec string) (map[string]oracleTensor, string) {
		t.Helper()
		out := filepath.Join(dir, name)
		code, _, stderr := loraconv(t, "run", writeSpec(t, strings.ReplaceAll(spec, "OUT", out)))
		if code != 0 {
			t.Fatalf("%s: exit %d\n%s", name, code, stderr)
		}
		return readOracle(t, filepath.Join(out, "model.safetensors")), stderr
	}
	merged, _ := run("merged", judgedSpec(t, "OUT", "float32", ""))
	base, _ := run("base", strings.Replace(judgedSpec(t, "OUT", "float32", ""), "  dtype", "  method = \"base\"\n  dtype", 1))
	got, stderr := run("ruled", judgedSpec(t, "OUT", "float32", `
  rule "half_strength" {
    match_regex = "language_model\\.layers\\.1\\.self_attn\\."
    scale       = 0.5
  }
  rule "first_match_wins" {
    match = ["**.self_attn.q_proj.weight"]
    merge = false
  }
  rule "narrow" {
    match = ["**.self_attn.*.weight", "action_in_proj.*"]
    dtype = "bfloat16"
  }
  rule "typo" {
    match = ["action_in_porj.bias"]
    dtype = "bfloat16"
  }`))
	kinds := map[string]int{}
	for name, g := range got {
		m, b := merged[name], base[name]
		switch {
		case strings.Contains(name, "language_model.layers.1.self_attn."):
			kinds["half"]++
			f, w, v := g.float32s(), m.float32s(), b.float32s()
			for i := range f {
				want := (float64(w[i]) + float64(v[i])) / 2
				if !(math.Abs(float64(f[i])-want) <= math.Ldexp(math.Abs(float64(w[i]))+math.Abs(float64(v[i])), -23)) {
					t.Fatalf("%s: element %d is %v, wanted %v", name, i, f[i], want)
				}
			}
		case strings.HasSuffix(name, ".self_attn.q_proj.weight"):
			kinds["unmerged"]++
			if !bytes.Equal(g.data, b.data) {
				t.Errorf("%s is not the base", name)
			}
		case strings.Contains(name, ".self_attn.") && strings.HasSuffix(name, ".weight") || strings.HasPrefix(name, "action_in_proj."):
			kinds["narrow"]++
			want := make([]float32, len(m.data)/4)
			for i, x := range m.float32s() {
				want[i] = math.Float32frombits(uint32(nearestBF16(float64(x))) << 16)
			}
			if !slices.Equal(g.halves(), want) {
				t.Errorf("%s is not the merge in bfloat16", name)
			}
		default:
			kinds["other"]++
			if !bytes.Equal(g.data, m.data) {
				t.Errorf("%s is not the merge", name)
			}
		}
	}
	if fmt.Sprint(kinds) != "map[half:4 narrow:17 other:66 unmerged:5]" {
		t.Errorf("kinds: %v", kinds)
	}
	if folded := strings.Join(strings.Fields(stderr), " "); !strings.Contains(folded, `A rule hits no tensor (rule-hits-nothing)`) || !strings.Contains(folded, `rule "typo" matches none of the 92 output tensors; did you mean "action_in_proj.bias"?`) {
		t.Errorf("no word on the rule that hits nothing:\n%s", stderr)
	}
}

// TestVariablesFromOutside gives one variable in every way there is, from weak
// to strong; the name of the output tells which one was taken.
func TestVariablesFromOutside(t *testing.T) {
	spec := strings.Replace(judgedSpec(t, "OUT", "bfloat16", ""), `"OUT"`, "var.out", 1) + "variable \"out\" {\n  type    = string\n  default = \"by-default\"\n}\n"
	dir := filepath.Dir(writeSpec(t, spec))
	t.Chdir(dir)
	given := []string{"run", "spec.hcl"}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"by-default", func() {}},
		{"by-environment", func() { t.Setenv("LORACONV_VAR_out", "by-environment") }},
		{"by-auto-file", func() { mustWrite(t, "x.auto.vars.hcl", `out = "by-auto-file"`) }},
		{"by-file", func() {
			mustWrite(t, "named.hcl", `out = "by-file"`)
			given = append(given, "-var-file", "named.hcl")
		}},
		{"by-flag", func() { given = append(given, "-var", "out=by-flag") }},
	} {
		step.do()
		if code, _, stderr := loraconv(t, given...); code != 0 {
			t.Fatalf("%s: exit %d\n%s", step.name, code, stderr)
		}
		if _, err := os.Stat(filepath.Join(step.name, "model.safetensors")); err != nil {
			t.Errorf("%s was not taken: %v", step.name, err)
		}
	}
	mustWrite(t, "named.hcl", `uot = "x"`)
	if code, _, stderr := loraconv(t, given...); code != 64 || !strings.Contains(stderr, `Did you mean "out"?`) {
		t.Errorf("exit %d, wanted 64 and a suggestion\n%s", code, stderr)
	}
	if code, _, stderr := loraconv(t, "run", "spec.hcl", "-var", "uot=x"); code != 64 || !strings.Contains(stderr, `Did you mean "out"?`) {
		t.Errorf("exit %d, wanted 64 and a suggestion\n%s", code, stderr)
	}
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyAndExcept chooses among conversions of a directory of specs, which
// for_each and two files make.
func TestOnlyAndExcept(t *testing.T) {
	spec := judgedSpec(t, "OUT", "bfloat16", "")
	source, conversion, _ := strings.Cut(spec, "conversion ")
	conversion = "conversion " + conversion
	each := strings.Replace(strings.Replace(conversion, `"OUT"`, `"out/${each.key}"`, 1), "  source", "  for_each = toset([\"a\", \"b\"])\n  source", 1)
	single := strings.Replace(strings.Replace(conversion, `"OUT"`, `"out/single"`, 1), `"robot"`, `"single"`, 1)
	for _, tt := range []struct {
		flags []string
		want  string
		code  int
	}{
		{nil, "a b single", 0},
		{[]string{"-only", "single"}, "single", 0},
		{[]string{"-only", `robot["a"]`}, "a", 0},
		{[]string{"-only", "robot*"}, "a b", 0},
		{[]string{"-except", `robot["b"]`, "-except", "single"}, "a", 0},
		{[]string{"-only", "robot*", "-except", `*["a"]`}, "b", 0},
		{[]string{"-only", "singel"}, "", 64},
		{[]string{"-except", "*"}, "", 64},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		mustWrite(t, "source.lc.hcl", source)
		mustWrite(t, "each.lc.hcl", each)
		mustWrite(t, "single.lc.hcl", single)
		mustWrite(t, "other.hcl", "not a part of this spec {")
		code, _, stderr := loraconv(t, append([]string{"run", "."}, tt.flags...)...)
		var made []string
		entries, _ := os.ReadDir("out")
		for _, e := range entries {
			made = append(made, e.Name())
		}
		if got := strings.Join(made, " "); got != tt.want || code != tt.code {
			t.Errorf("%v: exit %d, made %q, wanted %d and %q\n%s", tt.flags, code, got, tt.code, tt.want, stderr)
		}
	}
}
