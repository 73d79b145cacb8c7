package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// judgedSpec is the shipped OpenPI fine-tune with blocks that judge the result.
func judgedSpec(t *testing.T, out, dtype, blocks string) string {
	t.Helper()
	return fmt.Sprintf(`source "openpi" "ft" {
  path = %q
  lora {
    alpha         = 4
    alpha_pattern = { "**/attn/*_einsum_1/w" = 3 }
  }
}

conversion "robot" {
  source = source.openpi.ft
  dtype  = %q
  output "pytorch" {
    path           = %q
    action_horizon = 10
  }
%s
}
`, absolute(t, "../../examples/openpi-pi05-lora/checkpoint"), dtype, out, blocks)
}

// TestJudge runs one conversion for each way in which a block can be met or
// not. Nothing is published where the exit code is 10.
func TestJudge(t *testing.T) {
	dir := t.TempDir()
	reference := filepath.Join(dir, "reference")
	if code, _, stderr := loraconv(t, "run", writeSpec(t, judgedSpec(t, reference, "float32", ""))); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	quoted := strconv.Quote(reference)
	for _, tt := range []struct {
		name, dtype, blocks string
		code                int
		want                string // in stderr, spaces folded
	}{
		{"drift met", "bfloat16", `check "drift" { max_abs = 0.0078125 }`, 0, ""},
		{"drift of float32", "float32", "check \"drift\" {\nmax_abs = 1e-6\nmin_retention = 0.999999\n}", 0, ""},
		{"drift", "bfloat16", `check "drift" { max_abs = 0.001 }`, 10,
			`Error: Check "drift" is not met (check-failed) on spec.hcl:16:1, in conversion "robot", check "drift": 16 | check "drift" { max_abs = 0.001 }`},
		{"drift says what to do", "bfloat16", `check "drift" { max_abs = 0.001 }`, 10,
			`differs from the float64 result by up to 0.00640202, max_abs is 0.001`},
		{"drift of some", "bfloat16", "check \"drift\" {\nmax_abs = 0.001\nmatch = [\"**.layernorm.bias\"]\n}", 10, `match ["**.layernorm.bias"] hits none of the 92 output tensors`},
		{"retention", "bfloat16", `check "drift" { min_retention = 1 }`, 10, `of what LoRA added, min_retention is 1`},
		{"drift as a warning", "bfloat16", "check \"drift\" {\nmax_abs = 0\non_breach = \"warn\"\n}", 0, `Warning: Check "drift" is not met (check-failed)`},
		{"reference met", "float32", `check "reference" { path = ` + quoted + ` }`, 0, ""},
		{"reference of another type", "bfloat16", `check "reference" { path = ` + quoted + ` }`, 10, `is bfloat16, the reference float32; max_abs or rtol compares values of two types`},
		{"reference within", "bfloat16", "check \"reference\" {\npath = " + quoted + "\nrtol = 0.00390625\n}", 0, ""},
		{"reference beyond", "bfloat16", "check \"reference\" {\npath = " + quoted + "\nmax_abs = 1e-6\n}", 10, `; max_abs is 1e-06, rtol 0`},
		{"reference of some", "bfloat16", "check \"reference\" {\npath = " + quoted + "\nmatch = [\"action_in_proj.bias\"]\nmax_abs = 0.01\n}", 0, ""},
		{"reference of none", "bfloat16", "check \"reference\" {\npath = " + quoted + "\nmatch = [\"action_in_proj.bais\"]\nmax_abs = 0.01\n}", 10, `no tensor was compared: match ["action_in_proj.bais"] hits none that both have`},
		{"no reference", "bfloat16", `check "reference" { path = "nowhere" }`, 4, `Error: The reference of a check cannot be read (reference-unreadable)`},
		{"roundtrip", "mixed", `check "roundtrip" {}`, 0, ""},
		{"files met", "mixed", "check \"files\" {\nrequire = [\"assets/**\", \"*.safetensors\", \"loraconv.manifest.json\"]\nforbid = [\"**/*.bin\"]\n}", 0, ""},
		{"files", "mixed", "check \"files\" {\nrequire = [\"config.jsn\"]\nforbid = [\"assets/**\"]\n}", 10,
			`require "config.jsn" hits none of the 5 files of the output; there is "config.json" forbid "assets/**" hits "assets/physical-intelligence/tiny/norm_stats.json" Nothing was published.`},
		{"both", "bfloat16", "check \"drift\" { max_abs = 0.001 }\ncheck \"files\" { require = [\"x\"] }\n" + `expect "e" {
  condition     = result.tensors == 1
  error_message = "${result.tensors} tensors"
}`, 10, `check "files" { require = ["x"] }`},
		{"expect met", "bfloat16", expectBlock(`result.tensors == result.expected_tensors && length(result.unused) == 0 && result.merged == 28 && result.format == "pytorch" && result.method == "merge" && result.dtype == "bfloat16" && result.bytes > 100000 && contains(result.files, "config.json") && result.nonfinite == 0 && result.conversion == "robot" && length(result.warnings) == 0 && length(result.dropped) == 0`, "no"), 0, ""},
		{"expect of modules", "bfloat16", expectBlock(`join(" ", result.target_modules) == "down_proj gate_proj k_proj o_proj q_proj up_proj v_proj"`, `${join(" ", result.target_modules)}`), 0, ""},
		{"expect measured", "bfloat16", expectBlock(`result.drift < 0.0078125 && result.delta_retention > 0.98 && alltrue([for n, t in result.tensor : t.delta_norm > 0 if t.merged])`, "no"), 0, ""},
		{"expect of one", "bfloat16", expectBlock(`result.tensor["action_in_proj.bias"].dtype == "float32"`, `it is ${result.tensor["action_in_proj.bias"].dtype}`), 10, `Error: Expectation "e" is not met (expect-failed) on spec.hcl:16:1, in conversion "robot", expect "e": 16 | expect "e" { | ^^^^^^^^^^ it is bfloat16`},
		{"expect of none", "bfloat16", expectBlock(`result.tensor["action_in_proj.bais"].drift < 1`, "no"), 10, `Invalid index (invalid-expression) on spec.hcl:17:32, in conversion "robot", expect "e": 17 | condition = result.tensor["action_in_proj.bais"].drift < 1 | ^^^^^^^^^^^^^^^^^^^^^^^ The given key does not identify an element in this collection value. Did you mean "action_in_proj.bias"?`},
		{"message that fails", "bfloat16", expectBlock(`result.tensors == 0`, `${result.tensor["x"].drift}`), 10, "the message that says why cannot be evaluated"},
		{"too costly", "bfloat16", expectBlock(`length([for a in range(1000) : [for b in range(1000) : result.tensors]]) == 1`, "no"), 64, "Expression too costly"},
		{"too costly with the result", "bfloat16", expectBlock(`length([for a in range(200) : [for n, t in result.tensor : [t, a]]]) == 1`, "no"), 10, "Expression too costly"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			path := writeSpec(t, judgedSpec(t, out, tt.dtype, tt.blocks))
			t.Chdir(filepath.Dir(path))
			code, stdout, stderr := loraconv(t, "run", "spec.hcl")
			if code != tt.code {
				t.Fatalf("exit %d, wanted %d\n%s%s", code, tt.code, stdout, stderr)
			}
			if got := strings.Join(strings.Fields(stderr), " "); !strings.Contains(got, tt.want) {
				t.Errorf("it does not say %q:\n%s", tt.want, stderr)
			}
			left, err := os.ReadDir(filepath.Dir(out))
			if err != nil || (code == 0) != (len(left) == 1) {
				t.Errorf("exit %d and left %v, %v", code, left, err)
			}
			if code == 0 {
				if again, _, stderr := loraconv(t, "run", "spec.hcl"); again != 0 || !strings.Contains(strings.Join(strings.Fields(stderr), " "), tt.want) {
					t.Errorf("a second run: exit %d\n%s", again, stderr)
				}
			}
		})
	}
}

func expectBlock(condition, message string) string {
	return fmt.Sprintf("expect \"e\" {\n  condition     = %s\n  error_message = \"%s\"\n}", condition, message)
}

// TestMeasured compares what the manifest says of every tensor with float64
// sums over three outputs: the base and the merge in float32, and the merge in
// bfloat16, of which the first two are the exact result but for one rounding.
func TestMeasured(t *testing.T) {
	dir := t.TempDir()
	runs := map[string]string{
		"base":   strings.Replace(judgedSpec(t, filepath.Join(dir, "base"), "float32", ""), "  dtype", "  method = \"base\"\n  dtype", 1),
		"merged": judgedSpec(t, filepath.Join(dir, "merged"), "float32", ""),
		"half":   judgedSpec(t, filepath.Join(dir, "half"), "bfloat16", `check "drift" { max_abs = 1 }`),
	}
	weights := map[string]map[string]oracleTensor{}
	for name, spec := range runs {
		if code, _, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		weights[name] = readOracle(t, filepath.Join(dir, name, "model.safetensors"))
	}
	var m struct {
		Tensors []struct {
			Name     string
			Measured *struct {
				Drift     string
				BaseNorm  string `json:"base_norm"`
				DeltaNorm string `json:"delta_norm"`
				Retention string
			}
		}
	}
	readJSON(t, filepath.Join(dir, "half", "loraconv.manifest.json"), &m)
	changed := 0
	for _, x := range m.Tensors {
		base, merged, half := weights["base"][x.Name].float32s(), weights["merged"][x.Name].float32s(), weights["half"][x.Name].halves()
		var drift, b, d, kept, size float64
		for i := range base {
			w, e, h := float64(base[i]), float64(merged[i]), float64(half[i])
			drift = math.Max(drift, math.Abs(h-e))
			size = math.Max(size, math.Abs(e))
			b, d, kept = b+w*w, d+(e-w)*(e-w), kept+(h-w)*(e-w)
		}
		if d > 0 {
			changed++
		} else {
			b, kept, d = 0, 0, 0
		}
		near := func(what, got string, want, tol float64) {
			t.Helper()
			if v, err := strconv.ParseFloat(got, 64); err != nil || !(math.Abs(v-want) <= tol) {
				t.Errorf("%s: %s %s, wanted %v within %g", x.Name, what, got, want, tol)
			}
		}
		near("drift", x.Measured.Drift, drift, 2*math.Ldexp(size, -24))
		near("base norm", x.Measured.BaseNorm, math.Sqrt(b), 1e-6*math.Sqrt(b))
		near("delta norm", x.Measured.DeltaNorm, math.Sqrt(d), 1e-4*math.Sqrt(d))
		if d > 0 {
			near("retention", x.Measured.Retention, kept/d, 1e-3)
		} else {
			near("retention", x.Measured.Retention, 1, 0)
		}
	}
	if changed != 28 || len(m.Tensors) != 92 {
		t.Errorf("LoRA changed %d of %d tensors", changed, len(m.Tensors))
	}
}

// TestRetentionOfAll weakens the LoRA so far that rounding to bfloat16 takes a
// part of it, and compares result's figures with float64 sums over all tensors.
func TestRetentionOfAll(t *testing.T) {
	dir := t.TempDir()
	weak := "  rule \"weak\" {\n    match = [\"**\"]\n    scale = 0.002\n  }\n"
	for _, spec := range map[string]string{
		"base":   strings.Replace(judgedSpec(t, filepath.Join(dir, "base"), "float32", ""), "  dtype", "  method = \"base\"\n  dtype", 1),
		"merged": judgedSpec(t, filepath.Join(dir, "merged"), "float32", weak),
		"half":   judgedSpec(t, filepath.Join(dir, "half"), "bfloat16", weak),
	} {
		if code, _, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
	}
	base, merged, half := readOracle(t, filepath.Join(dir, "base", "model.safetensors")), readOracle(t, filepath.Join(dir, "merged", "model.safetensors")), readOracle(t, filepath.Join(dir, "half", "model.safetensors"))
	var added, kept, drift float64
	for name := range base {
		b, m, h := base[name].float32s(), merged[name].float32s(), half[name].halves()
		for i := range b {
			d := float64(m[i]) - float64(b[i])
			added, kept = added+d*d, kept+(float64(h[i])-float64(b[i]))*d
			drift = math.Max(drift, math.Abs(float64(h[i])-float64(m[i])))
		}
	}
	code, _, stderr := loraconv(t, "run", writeSpec(t, judgedSpec(t, filepath.Join(dir, "judged"), "bfloat16", weak+expectBlock("result.tensors == 0", "retention=${result.delta_retention} drift=${result.drift} end"))))
	found := regexp.MustCompile(`retention=(\S+) drift=(\S+) end`).FindStringSubmatch(strings.Join(strings.Fields(stderr), " "))
	if code != 10 || found == nil {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	for i, want := range []float64{kept / added, drift} {
		if got, err := strconv.ParseFloat(found[i+1], 64); err != nil || !(math.Abs(got-want) <= 1e-3*want) {
			t.Errorf("%s, wanted %v", found[i+1], want)
		}
	}
	if math.Abs(kept/added-1) < 0.01 {
		t.Errorf("retention %v: the LoRA is not weak enough to tell", kept/added)
	}
}

// halves reads bfloat16: the upper halves of float32 numbers.
func (o oracleTensor) halves() []float32 {
	out := make([]float32, len(o.data)/2)
	for i := range out {
		out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(o.data[2*i:])) << 16)
	}
	return out
}

// TestPlanFileJudges plans with checks and expectations and runs the plan file
// from elsewhere.
func TestPlanFileJudges(t *testing.T) {
	for _, tt := range []struct {
		name, blocks string
		code         int
		want         string
	}{
		{"met", "check \"drift\" { max_abs = 0.0078125 }\ncheck \"roundtrip\" {}\n" + expectBlock("result.tensors == local.tensors && result.drift < 1", "no"), 0, ""},
		{"check", `check "drift" { max_abs = 0.001 }`, 10, "max_abs is 0.001"},
		{"expect", expectBlock("result.tensors == var.wanted", "Wrote ${result.tensors}, wanted ${var.wanted}."), 10, "Wrote 92, wanted 93."},
		{"relative", `check "reference" { path = "ref" }`, 4, "ref"},
		{"secret", expectBlock("result.tensors == 1", "The word is ${var.word}."), 10, "contains a sensitive value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			spec := judgedSpec(t, out, "bfloat16", tt.blocks) + `
locals {
  tensors = var.wanted - 1
}
variable "wanted" {
  type = number
}
variable "word" {
  type      = string
  sensitive = true
  default   = "hunter2"
}
`
			dir := filepath.Dir(writeSpec(t, spec))
			t.Chdir(dir)
			if code, _, stderr := loraconv(t, "plan", "spec.hcl", "-var", "wanted=93", "-out", "p.json"); code != 0 {
				t.Fatalf("plan: exit %d\n%s", code, stderr)
			}
			file := filepath.Join(dir, "p.json")
			t.Chdir(t.TempDir())
			code, stdout, stderr := loraconv(t, "run", file)
			if code != tt.code || !strings.Contains(strings.Join(strings.Fields(stderr), " "), tt.want) || strings.Contains(stderr, "hunter2") {
				t.Errorf("exit %d, wanted %d and %q\n%s%s", code, tt.code, tt.want, stdout, stderr)
			}
			if _, err := os.Stat(out); (err == nil) != (code == 0) {
				t.Errorf("output: %v", err)
			}
			if tt.name != "met" {
				return
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range []struct{ pattern, with string }{
				{`"kind": "drift"`, `"kind": "drfit"`},
				{`"measures": true`, `"measures": false, "extra": 1`},
				{`"text": "result.tensors`, `"text": "((((`},
			} {
				bad := regexp.MustCompile(regexp.QuoteMeta(change.pattern)).ReplaceAllLiteral(b, []byte(change.with))
				name := filepath.Join(t.TempDir(), "bad.json")
				if err := os.WriteFile(name, bad, 0o644); err != nil {
					t.Fatal(err)
				}
				if code, _, stderr := loraconv(t, "run", name, "-force"); code != 64 && code != 10 {
					t.Errorf("%s: exit %d\n%s", change.with, code, stderr)
				}
			}
		})
	}
}

// An output that was judged otherwise is not the one that is wanted.
func TestJudgedOtherwise(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	path := writeSpec(t, judgedSpec(t, out, "bfloat16", `check "drift" { max_abs = 0.01 }`))
	if code, _, stderr := loraconv(t, "run", path); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if code, _, stderr := loraconv(t, "run", path); code != 0 {
		t.Errorf("again: exit %d\n%s", code, stderr)
	}
	stricter := writeSpec(t, judgedSpec(t, out, "bfloat16", `check "drift" { max_abs = 0.001 }`))
	if code, _, stderr := loraconv(t, "run", stricter); code != 9 {
		t.Errorf("stricter: exit %d, wanted 9\n%s", code, stderr)
	}
}
