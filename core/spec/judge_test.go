package spec_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// judgedResult has one of everything.
var judgedResult = spec.Result{
	Measured: true, Conversion: "robot", Method: "merge", Format: "pytorch", DType: "mixed",
	Tensors: 3, ExpectedTensors: 3, Merged: 1, TargetModules: []string{"q_proj"}, Unused: []string{"step"},
	Dropped: []spec.DroppedParameter{{From: "ft", Name: "step", Reason: "not a weight"}},
	Files:   []string{"config.json", "model.safetensors"}, Bytes: 12345, NonFinite: 2, Warnings: []string{"no-assets"},
	Drift: 0.25, DeltaRetention: 0.5,
	Tensor: map[string]spec.TensorResult{
		"a.weight": {DType: "bfloat16", Bytes: 8, Merged: true, Drift: 0.25, BaseNorm: 3, DeltaNorm: 4, DeltaRetention: 0.5},
		"b.weight": {DType: "float32", Bytes: 16, NonFinite: 2, DeltaRetention: 1},
	},
}

const judged = `source "openpi" "ft" {
  path = "p"
}
variable "word" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
variable "least" {
  type    = number
  default = 1
}
locals {
  wanted = { tensors = var.least + 2 }
}
conversion "robot" {
  for_each = toset(["x"])
  source   = source.openpi.ft
  output "pytorch" {
    path = "out/${each.key}"
  }
  expect "e" {
    condition     = CONDITION
    error_message = MESSAGE
  }
}
`

// TestJudge evaluates conditions twice: as they were loaded, and after a way
// through a plan file.
func TestJudge(t *testing.T) {
	for _, tt := range []struct{ condition, message, want string }{
		{`result.tensors == result.expected_tensors`, `"no"`, ""},
		{`result.tensors == local.wanted.tensors && result.merged >= var.least`, `"no"`, ""},
		{`result.conversion == "robot" && result.method == "merge" && result.format == "pytorch" && result.dtype == "mixed"`, `"no"`, ""},
		{`result.bytes == 12345 && result.nonfinite == 2 && result.drift == 0.25 && result.delta_retention == 0.5`, `"no"`, ""},
		{`result.files == tolist(["config.json", "model.safetensors"]) && contains(result.warnings, "no-assets")`, `"no"`, ""},
		{`result.dropped[0].from == "ft" && result.dropped[0].name == "step" && result.dropped[0].reason == "not a weight"`, `"no"`, ""},
		{`result.tensor["a.weight"].delta_norm / result.tensor["a.weight"].base_norm > 1.3 && result.tensor["a.weight"].merged && result.tensor["a.weight"].dtype == "bfloat16"`, `"no"`, ""},
		{`max([for n, t in result.tensor : t.drift]...) == 0.25 && sum([for n, t in result.tensor : t.bytes]) == 24 && result.tensor["b.weight"].nonfinite == 2`, `"no"`, ""},
		{`alltrue([for m in ["q_proj", "v_proj"] : contains(result.target_modules, m)])`, `"The adapter only has ${join(", ", result.target_modules)}."`, "expect-failed: The adapter only has q_proj."},
		{`length(result.unused) == 0`, `"Unused: ${join(", ", result.unused)}."`, "expect-failed: Unused: step."},
		{`result.delta_retention > 0.98`, `"Rounding to ${result.dtype} lost ${format("%.1f", 100 * (1 - result.delta_retention))}%."`, "expect-failed: Rounding to mixed lost 50.0%."},
		{`result.tensors > 3`, `"In ${each.key}: ${result.tensors}, at least ${var.least}"`, "expect-failed: In x: 3, at least 1"},
		{`result.dtype == var.word`, `"not ${result.dtype}"`, "expect-failed: not mixed"},
		{`result.tensors > 3`, `"not ${var.word}"`, "expect-failed: The condition does not hold; the message that says why contains a sensitive value."},
		{`result.tensors > 3`, `result.tensor["c.weight"].dtype`, "expect-failed: The condition does not hold, and the message that says why cannot be evaluated., invalid-expression: The given key does not identify an element in this collection value. Did you mean \"a.weight\"?"},
		{`result.tensors > 3`, "<<EOT\nseveral\nlines ${result.tensors}\nEOT\n", "expect-failed: several\nlines 3\n"},
		{"(\n  result.tensors\n  > 3\n)", `"no"`, "expect-failed: no"},
		{`result.unused[1] == ""`, `"no"`, "invalid-expression: The given key does not identify an element in this collection value: the given index is greater than or equal to the length of the collection."},
		{`length([for n, t in result.tensor : [for b in range(1000) : [t, t, t, t, t, t, t, t, t, t, t, t]]]) == 1`, `"no"`, "spec-too-costly: Evaluating this spec makes more than 200000 elements."},
	} {
		text := strings.NewReplacer("CONDITION", tt.condition, "MESSAGE", tt.message).Replace(judged)
		f, list := spec.Load(filepath.Join(write(t, map[string]string{"s.hcl": text}), "s.hcl"), spec.Options{})
		must(t, f, list)
		e := f.Conversions[0].Expects[0]
		if d := cmp.Diff(tt.want, faults(e.Judge(&judgedResult))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.condition, d)
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		again := new(spec.Expect)
		if err := json.Unmarshal(b, again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, faults(again.Judge(&judgedResult))); d != "" {
			t.Errorf("%s, from a plan file (-want +got):\n%s", tt.condition, d)
		}
		uses := tt.condition + tt.message
		wants := strings.Contains(uses, "result.drift") || strings.Contains(uses, "result.delta_retention") || strings.Contains(uses, "result.tensor[") || strings.Contains(uses, "in result.tensor :")
		if e.Measures != wants || again.Measures != wants {
			t.Errorf("%s: measures %v, and %v from a plan file", uses, e.Measures, again.Measures)
		}
	}
}

// What was not measured is not known, rather than zero.
func TestJudgeUnmeasured(t *testing.T) {
	text := strings.NewReplacer("CONDITION", "result.drift < 1", "MESSAGE", `"no"`).Replace(judged)
	f, list := spec.Load(filepath.Join(write(t, map[string]string{"s.hcl": text}), "s.hcl"), spec.Options{})
	must(t, f, list)
	r := judgedResult
	r.Measured = false
	if got, want := faults(f.Conversions[0].Expects[0].Judge(&r)), `invalid-condition: "expect \"e\" condition" is not known after the run.`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func faults(list diag.List) string {
	var out []string
	for _, d := range list {
		if d.Class != diag.Measured {
			return fmt.Sprintf("class %d", d.Class)
		}
		out = append(out, d.Code+": "+d.Detail)
	}
	return strings.Join(out, ", ")
}
