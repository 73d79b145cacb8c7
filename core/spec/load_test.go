package spec_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// write puts files into a new directory and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// must fails the test when there is any diagnostic.
func must(t *testing.T, f *spec.File, list diag.List) {
	t.Helper()
	if len(list) > 0 {
		var b bytes.Buffer
		_ = f.Render(&b, list, spec.RenderOptions{})
		t.Fatalf("diagnostics:\n%s", &b)
	}
}

func codes(list diag.List) string {
	var out []string
	for _, d := range list {
		out = append(out, d.Severity.String()+" "+d.Code)
	}
	return strings.Join(out, ", ")
}

const whole = `
loraconv {
  required_version = ">= 0.1.0, < 1.0.0"
  required_plugins {
    openpi = { source = "loraconv/openpi", version = "~> 0.1" }
  }
}

variable "checkpoint" {
  type        = string
  description = "where it is"
}

locals {
  rank  = 16
  alpha = local.rank * 2
}

source "openpi" "base" {
  path   = var.checkpoint
  config = "pi0_libero"
  step   = 29999

  drop "optimizer" {
    match  = ["opt_state/**", "step", "head*/w"]
    reason = "not part of the model"
  }
}

source "openpi" "ft" {
  path   = "/abs/${source.openpi.base.config}"
  config = source.openpi.base.config
  kind   = "lora"
  model  = { layers = [1, 2.5, "x", true, null] }

  lora {
    alpha         = local.alpha
    rslora        = null
    alpha_pattern = { "**/w" = 32, "*" = 0.5 }

    rule "extra" {
      source = "a/{l}" # kept
      to     = "f d"
    }
    rule "one" { to = "x" }
  }
}

conversion "robot" {
  method   = "merge"
  source   = source.openpi.base
  adapters = [source.openpi.ft, { source = source.openpi.base, weight = -0.5 }]
  dtype    = "mixed"

  allow_nonfinite = ["model.norm.*"]
  missing_chunks  = "fill"

  rule "late" {
    match_regex = "layers\\.1[0-9]\\."
    scale       = 0.5
    merge       = false
  }
  rule "head" {
    match = ["**.weight", "x.*"]
    dtype = "bfloat16"
  }
  compute {
    memory  = "256MiB"
    workers = 3
  }
  output "pytorch" {
    path           = "out/robot"
    files          = ["assets/**"]
    action_horizon = 50
    template       = "none"
  }
}
`

func TestWhole(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": whole})
	f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{Vars: map[string]string{"checkpoint": "ckpt/x"}, Version: "0.3.1"})
	must(t, f, list)
	if f.RequiredVersion != ">= 0.1.0, < 1.0.0" || f.RequiredPlugins["openpi"].Version != "~> 0.1" {
		t.Errorf("settings: %q, %+v", f.RequiredVersion, f.RequiredPlugins)
	}
	base, ft := f.Sources[0], f.Sources[1]
	if base.Plugin != "openpi" || base.Name != "base" || base.Path != filepath.Join(dir, "ckpt/x") || *base.Step != 29999 {
		t.Errorf("base: %+v", base)
	}
	if d := base.Drops[0]; d.Name != "optimizer" || d.Globs.Match("opt_state/0/mu") == nil || d.Globs.Match("params") != nil || d.Globs.Match("head.x/w/b") != nil || d.Globs.Match("head.x/w") == nil || d.Reason != "not part of the model" {
		t.Errorf("drop: %+v", d)
	}
	if ft.Path != "/abs/pi0_libero" {
		t.Errorf("path of ft: %q", ft.Path)
	}
	c := f.Conversions[0]
	if c.Source != base || len(c.Adapters) != 2 || c.Adapters[0].Source != ft || c.Adapters[0].Weight != 1 || c.Adapters[1].Source != base || c.Adapters[1].Weight != -0.5 {
		t.Errorf("references: %+v", c)
	}
	if c.Name != "robot" || c.Method != "merge" || c.DType != "mixed" || !c.FillMissing || c.NonFiniteGlobs.Match("model.norm.weight") == nil || c.NonFiniteGlobs.Match("model.norm.weight.x") != nil {
		t.Errorf("conversion: %+v", c)
	}
	if c.Compute != (spec.Compute{Memory: 256 << 20, Workers: 3}) {
		t.Errorf("compute: %+v", c.Compute)
	}
	late, head := c.Rules[0], c.Rules[1]
	if !late.Matches("model.layers.12.w") || late.Matches("model.layers.2.w") || *late.Scale != 0.5 || *late.Merge || late.DType != "" {
		t.Errorf("rule late: %+v", late)
	}
	if !head.Matches("a.b.weight") || !head.Matches("x.y/z") || head.Matches("x.y.z") || head.Merge != nil || head.Scale != nil || head.DType != "bfloat16" {
		t.Errorf("rule head: %+v", head)
	}
	if c.Output.Format != "pytorch" || c.Output.Path != filepath.Join(dir, "out/robot") {
		t.Errorf("output: %+v", c.Output)
	}

	got, list := f.DecodeSource(ft, sourceSchema)
	must(t, f, list)
	want := spec.Decoded{
		Args: map[string]any{
			"config": "pi0_libero",
			"kind":   "lora",
			"model":  map[string]any{"layers": []any{int64(1), 2.5, "x", true, nil}},
			"lora": map[string]any{
				"alpha":         int64(32),
				"alpha_pattern": map[string]any{"**/w": int64(32), "*": 0.5},
			},
		},
		Rows: "rule \"extra\" {\n      source = \"a/{l}\" # kept\n      to     = \"f d\"\n    }\nrule \"one\" { to = \"x\" }\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("source ft (-want +got):\n%s", diff)
	}
	got, list = f.DecodeOutput(c.Output, outputSchema)
	must(t, f, list)
	want = spec.Decoded{Args: map[string]any{"files": []any{"assets/**"}, "action_horizon": int64(50), "template": "none"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// TestJSON loads the same conversion from JSON.
func TestJSON(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl.json": `{
  "//": "a comment",
  "variable": {"n": {"type": "map(number)", "default": {"a": 1}}},
  "locals": {"x": "${var.n.a + 1}", "list": ["${local.x}", 3]},
  "source": {"openpi": {"ft": {"path": "ckpt", "config": "c${local.x}",
    "drop": {"h": {"match": ["head/**"], "reason": "r"}},
    "lora": {"alpha": "${local.x * 8}", "alpha_pattern": {"**/${local.x}": 4}}},
    "b": {"path": "${source.openpi.ft.path}"}}},
  "conversion": {"robot": {"source": "source.openpi.ft",
    "adapters": ["source.openpi.b", "${source.openpi.ft}", {"source": "source.openpi.b", "weight": 2}],
    "rule": [{"r": {"match": ["a.*"], "merge": false}}],
    "output": {"pytorch": {"path": "out", "files": ["a", "b${local.x}"]}}}}
}`})
	f, list := spec.Load(filepath.Join(dir, "s.hcl.json"), spec.Options{})
	if got := codes(list); got != "error duplicate-definition" { // b stands twice among the adapters
		_ = f.Render(os.Stderr, list, spec.RenderOptions{})
		t.Fatalf("diagnostics: %s", got)
	}
	c := f.Conversions[0]
	if c.Source != f.Sources[0] || len(c.Adapters) != 3 || c.Adapters[0].Source != f.Sources[1] || c.Adapters[1].Source != f.Sources[0] || c.Adapters[2].Weight != 2 {
		t.Errorf("references: %+v", c)
	}
	if f.Sources[1].Path != filepath.Join(dir, "ckpt") || !c.Rules[0].Matches("a.b") {
		t.Errorf("%+v %+v", f.Sources[1], c.Rules)
	}
	got, list := f.DecodeSource(f.Sources[0], sourceSchema)
	must(t, f, list)
	want := map[string]any{"config": "c2", "lora": map[string]any{"alpha": int64(16), "alpha_pattern": map[string]any{"**/2": int64(4)}}}
	if diff := cmp.Diff(want, got.Args); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
}

const minimal = `
source "openpi" "ft" {
  path = "${var.a}-${var.b}-${var.c}-${var.d}-${var.e}"
}
conversion "robot" {
  source = source.openpi.ft
  output "pytorch" {
    path = "out"
  }
}
variable "a" { default = "default" }
variable "b" { default = "default" }
variable "c" { default = "default" }
variable "d" { default = "default" }
variable "e" { default = "default" }
`

func TestPrecedence(t *testing.T) {
	dir := write(t, map[string]string{
		"s.hcl":             minimal,
		"one.auto.vars.hcl": "c = \"auto\"\nd = \"auto\"\ne = \"auto\"\nother = 1\n",
		"f.hcl":             "d = \"file\"\ne = \"file\"\n",
	})
	env := map[string]string{"LORACONV_VAR_b": "env", "LORACONV_VAR_c": "env", "LORACONV_VAR_e": "env"}
	f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{
		Vars:     map[string]string{"e": "flag"},
		VarFiles: []string{filepath.Join(dir, "f.hcl")},
		Env:      func(n string) (string, bool) { v, ok := env[n]; return v, ok },
	})
	if got := codes(list); got != "warning unknown-variable" {
		t.Fatalf("diagnostics: %s", got)
	}
	if got, want := filepath.Base(f.Sources[0].Path), "default-env-auto-file-flag"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var from []string
	for _, v := range f.Variables {
		from = append(from, filepath.Base(v.From))
	}
	if diff := cmp.Diff([]string{"default", "environment", "one.auto.vars.hcl", "f.hcl", "-var"}, from); diff != "" {
		t.Error(diff)
	}
}

func TestVariableText(t *testing.T) {
	spc := func(typ string) string {
		return `variable "v" {
  type = ` + typ + `
}
source "openpi" "ft" {
  path  = "x"
  model = var.v
}
conversion "c" {
  source = source.openpi.ft
  output "pytorch" { path = "o" }
}`
	}
	for _, c := range []struct {
		typ, text string
		want      any
		codes     string
	}{
		{"string", "[1]", "[1]", ""},
		{"any", "[1]", "[1]", ""},
		{"number", "1.5", 1.5, ""},
		{"number", "9007199254740993", int64(9007199254740993), ""},
		{"bool", "true", true, ""},
		{"list(number)", "[1, 2]", []any{int64(1), int64(2)}, ""},
		{"map(string)", `{a = "x"}`, map[string]any{"a": "x"}, ""},
		{"object({ a = optional(number, 16), b = optional(string) })", `{}`, map[string]any{"a": int64(16), "b": nil}, ""},
		{"number", "x", nil, "error wrong-type"},
		{"list(number)", "[1,", nil, "error syntax"},
		{"list(number)", "[" + strings.Repeat("[", 100), nil, "error spec-too-deep"},
		{"list(number)", "[var.v]", nil, "error invalid-reference"},
		{"list(number)", `["a"]`, nil, "error wrong-type"},
	} {
		dir := write(t, map[string]string{"s.hcl": spc(c.typ)})
		f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{Vars: map[string]string{"v": c.text}})
		if got := codes(list); got != c.codes {
			t.Errorf("%s %s: diagnostics %q, want %q", c.typ, c.text, got, c.codes)
			continue
		}
		if c.codes != "" {
			continue
		}
		d, list := f.DecodeSource(f.Sources[0], sourceSchema)
		must(t, f, list)
		if diff := cmp.Diff(c.want, d.Args["model"]); diff != "" {
			t.Errorf("%s %s: %s", c.typ, c.text, diff)
		}
	}
}

func TestUnset(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": `variable "p" {
  type = string
  validation {
    condition     = length(var.p) > 3
    error_message = "too short"
  }
}
source "openpi" "ft" {
  path   = "x/${var.p}"
  config = var.p
  model  = "m"
}
conversion "c" {
  source = source.openpi.ft
  output "pytorch" { path = var.p }
}`})
	path := filepath.Join(dir, "s.hcl")
	_, list := spec.Load(path, spec.Options{})
	if got := codes(list); got != "error missing-variable" {
		t.Fatalf("diagnostics: %s", got)
	}
	f, list := spec.Load(path, spec.Options{AllowUnset: true})
	must(t, f, list)
	if !f.Sources[0].Unknown || !f.Conversions[0].Output.Unknown {
		t.Errorf("not unknown: %+v", f.Sources[0])
	}
	d, list := f.DecodeSource(f.Sources[0], sourceSchema)
	must(t, f, list)
	if diff := cmp.Diff(spec.Decoded{Args: map[string]any{"model": "m"}, Unknown: []string{"config"}}, d); diff != "" {
		t.Error(diff)
	}
	_, list = spec.Load(path, spec.Options{Vars: map[string]string{"p": "abc"}})
	if got := codes(list); got != "error variable-validation" {
		t.Errorf("diagnostics: %s", got)
	}
}

func TestForEach(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": `locals {
  jobs = { b = { alpha = 1 }, a = { alpha = 2 } }
}
source "openpi" "ft" {
  for_each = local.jobs
  path     = "ckpt/${each.key}"
  lora {
    alpha = each.value.alpha
  }
}
source "openpi" "other" {
  path   = source.openpi.ft["b"].path
}
conversion "c" {
  for_each = toset(["a", "b"])
  source   = source.openpi.ft[each.key]
  adapters = [source.openpi.ft["a"], { source = source.openpi.ft[each.value], weight = 2 }]
  output "pytorch" {
    path = "out/${each.key}"
  }
}`})
	f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{})
	if got := codes(list); got != "error duplicate-definition" { // in c["a"], ft["a"] twice
		t.Fatalf("diagnostics: %s", got)
	}
	if len(f.Sources) != 3 || f.Sources[0].Name != `ft["a"]` || f.Sources[1].Name != `ft["b"]` || f.Sources[2].Path != filepath.Join(dir, "ckpt/b") {
		t.Errorf("sources: %+v", f.Sources)
	}
	if len(f.Conversions) != 2 || f.Conversions[1].Name != `c["b"]` || f.Conversions[1].Source != f.Sources[1] || f.Conversions[1].Output.Path != filepath.Join(dir, "out/b") {
		t.Errorf("conversions: %+v", f.Conversions)
	}
	d, list := f.DecodeSource(f.Sources[0], sourceSchema)
	must(t, f, list)
	if diff := cmp.Diff(map[string]any{"lora": map[string]any{"alpha": int64(2)}}, d.Args); diff != "" {
		t.Error(diff)
	}
}

// What a shell would replace is not taken for the name of a directory.
func TestPathsOfShells(t *testing.T) {
	for path, refused := range map[string]bool{"~/x": true, "~": true, "$HOME/x": true, "./~/x": false, "a/~": false, "~x": false, "a/$b": false} {
		dir := write(t, map[string]string{"a.hcl": "source \"openpi\" \"ft\" {\n  path = \"x\"\n}\nconversion \"c\" {\n  source = source.openpi.ft\n  output \"pytorch\" {\n    path = \"" + path + "\"\n  }\n}\n"})
		_, list := spec.Load(filepath.Join(dir, "a.hcl"), spec.Options{})
		if got := len(list) == 1 && list[0].Code == "invalid-path" && strings.Contains(list[0].Detail, "which a shell would replace"); got != refused || !refused && len(list) > 0 {
			t.Errorf("%s: %v, wanted refused %v", path, list, refused)
		}
	}
}

// A directory that is no spec, such as a checkpoint's, says what could be meant.
func TestDirectoryWithoutSpec(t *testing.T) {
	const vars = "x.auto.vars.hcl"
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"_METADATA"}, "loraconv merge makes one for it"},
		{[]string{".loraconv.lock.hcl", vars}, "loraconv merge makes one for it"},
		{[]string{"robot.hcl", vars}, `Name the file "DIR/robot.hcl", or let`},
		{[]string{"b.hcl", "a.hcl"}, `Name one of its files, such as "DIR/a.hcl", or let`},
	} {
		files := map[string]string{}
		for _, n := range c.names {
			files[n] = ""
		}
		dir := write(t, files)
		_, list := spec.Load(dir, spec.Options{})
		if len(list) != 1 || !strings.Contains(list[0].Detail, strings.Replace(c.want, "DIR", dir, 1)) {
			t.Errorf("%q: %v, wanted %s", c.names, list, c.want)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := write(t, map[string]string{
		"a.lc.hcl":  "source \"openpi\" \"ft\" {\n  path = local.p\n}\n",
		"b.lc.hcl":  "locals {\n  p = \"x\"\n}\nconversion \"c\" {\n  source = source.openpi.ft\n  output \"pytorch\" { path = \"o\" }\n}\n",
		"other.hcl": "this is not read",
	})
	f, list := spec.Load(dir, spec.Options{})
	must(t, f, list)
	if len(f.Files) != 2 || f.Dir != dir || f.Sources[0].Path != filepath.Join(dir, "x") {
		t.Errorf("%+v", f)
	}
	for path, want := range map[string]string{
		t.TempDir():                       "error spec-unreadable",
		filepath.Join(dir, "none.hcl"):    "error spec-unreadable",
		filepath.Join(dir, "../none.txt"): "error spec-unreadable",
	} {
		if _, list := spec.Load(path, spec.Options{}); codes(list) != want {
			t.Errorf("%s: %s", path, codes(list))
		}
	}
}

// TestSamples loads the four specs that a design page shows.
func TestSamples(t *testing.T) {
	for name, want := range map[string]string{
		"1-openpi-merge.hcl":         "",
		"2-maxtext-merge-hf.hcl":     "",
		"3-maxtext-adapter-peft.hcl": "",
		"4-batch.hcl":                "warning not-supported-yet, warning not-supported-yet",
	} {
		f, list := spec.Load(filepath.Join("testdata/samples", name), spec.Options{AllowUnset: true, Version: "0.1.0"})
		if got := codes(list); got != want {
			_ = f.Render(os.Stderr, list, spec.RenderOptions{})
			t.Errorf("%s: %s", name, got)
		}
	}
	f, _ := spec.Load("testdata/samples/4-batch.hcl", spec.Options{})
	var got []string
	for _, c := range f.Conversions {
		got = append(got, c.Name+" "+c.Source.Path+" "+c.Output.Path)
	}
	want := []string{
		`peft["code-2000"] /data/checkpoints/code/2000/model_params testdata/samples/out/code-2000`,
		`peft["sft-1000"] /data/checkpoints/sft/1000/model_params testdata/samples/out/sft-1000`,
		`peft["sft-500"] /data/checkpoints/sft/500/model_params testdata/samples/out/sft-500`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLocate(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": whole, "s.hcl.json": `{
  "source": {"openpi": {"ft": {"path": "p", "lora": {"alpha": 3}}}},
  "conversion": {"c": [{"source": "source.openpi.ft", "output": {"pytorch": {"path": "o"}}}]}
}`})
	for _, c := range []struct{ file, path, want string }{
		{"s.hcl", "source ft lora alpha", "local.alpha"},
		{"s.hcl", "source openpi ft lora alpha", "local.alpha"},
		{"s.hcl", `source ft["x"] kind`, `"lora"`},
		{"s.hcl", "source ft lora alpha_pattern **/w", "32"},
		{"s.hcl", "source ft lora rule one to", `"x"`},
		{"s.hcl", "source ft lora rank", "lora"},
		{"s.hcl", "source base drop optimizer match 1", `"step"`},
		{"s.hcl", "conversion robot output path", `"out/robot"`},
		{"s.hcl", "conversion robot output pytorch files 0", `"assets/**"`},
		{"s.hcl", "conversion robot output", `output "pytorch"`},
		{"s.hcl", "conversion robot rule head dtype", `"bfloat16"`},
		{"s.hcl", "conversion robot compute memory", `"256MiB"`},
		{"s.hcl", "conversion robot", `conversion "robot"`},
		{"s.hcl", "variable checkpoint", `variable "checkpoint"`},
		{"s.hcl", "locals rank", "16"},
		{"s.hcl", "source nothing", ""},
		{"s.hcl", "nothing", ""},
		{"s.hcl.json", "source ft lora alpha", "3"},
		{"s.hcl.json", "conversion c output pytorch path", `"o"`},
	} {
		name := filepath.Join(dir, c.file)
		f, list := spec.Load(name, spec.Options{AllowUnset: true})
		must(t, f, list)
		src, _ := os.ReadFile(name)
		got := ""
		if r, ok := f.Locate(strings.Fields(c.path)); ok {
			got = string(src[r.Start.Byte:r.End.Byte])
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.file, c.path, got, c.want)
		}
	}
	f, _ := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{AllowUnset: true})
	d := diag.New(diag.Usage, "rank", "Ranks disagree", "found 16")
	d.Path = []string{"source", "ft", "lora", "alpha"}
	f.Place(diag.List{d})
	if d.Range == nil || d.Range.Start.Line != 37 {
		t.Errorf("place: %+v", d.Range)
	}
}

func TestSensitive(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": `variable "s" {
  type      = string
  sensitive = true
}
source "openpi" "ft" {
  path   = "x"
  config = var.s
  kind   = "${var.s}"
  drop "d" {
    match  = ["***${upper(var.s)}"]
    reason = "r"
  }
  lora { alpha = var.s }
}
conversion "c" {
  source = source.openpi.ft
  dtype  = var.s
  rule "r" {
    match_regex = "(${upper(var.s)}"
    merge       = false
  }
  rule "s" {
    match = [regex("(${upper(var.s)}", "x")]
    merge = false
  }
  compute { memory = var.s }
  output "pytorch" { path = var.s }
}`, "v.hcl": "s = \"gs://hunter2\"\n"})
	f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{VarFiles: []string{filepath.Join(dir, "v.hcl")}})
	d, more := f.DecodeSource(f.Sources[0], sourceSchema)
	list = append(list, more...)
	if diff := cmp.Diff([]string{"config"}, d.Sensitive); diff != "" {
		t.Errorf("sensitive arguments: %s", diff)
	}
	var b bytes.Buffer
	_ = f.Render(&b, list, spec.RenderOptions{})
	if got := codes(list); got != "error invalid-glob, error unknown-value, error invalid-regex, error invalid-expression, error invalid-value, error remote-path, error unknown-value, error wrong-type" {
		t.Errorf("diagnostics: %s\n%s", got, &b)
	}
	if strings.Contains(strings.ToLower(b.String()), "hunter2") {
		t.Errorf("the value is printed:\n%s", &b)
	}
	if got, want := f.Redact("to gs://hunter2/x"), "to (sensitive)/x"; got != want {
		t.Errorf("redacted: %q, want %q", got, want)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1GiB": 1 << 30, "256MiB": 256 << 20, "4GB": 4e9, "134217728": 1 << 27, "1.5 GiB": 3 << 29, " 2kB ": 2000, "1B": 1, "3MB": 3e6, "1KiB": 1024, "2TiB": 2 << 40, "1TB": 1e12, "1KB": 1000,
		"": -1, "GiB": -1, "1gib": -1, "-1GiB": -1, "1e9": -1, "1.5": -1, "9999999TiB": -1, "1..5GiB": -1, "0x10": -1, "1_0": -1, "1/3GiB": -1,
	} {
		got, err := spec.ParseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d (%v), want %d", text, got, err, want)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
