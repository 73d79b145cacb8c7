package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// The value of a sensitive variable is in nothing that is printed, whatever it
// is used for and whatever goes wrong.
func TestSensitiveValuesAreNotPrinted(t *testing.T) {
	examples := absolute(t, "../../examples/openpi-pi05-lora")
	t.Chdir(t.TempDir())
	const secret, number = "hunter2 and more", "123.4375"
	if err := os.CopyFS("ckpt "+secret, os.DirFS(filepath.Join(examples, "checkpoint"))); err != nil {
		t.Fatal(err)
	}
	spec := `variable "s" {
  type      = string
  sensitive = true
}
variable "n" {
  type      = number
  sensitive = true
}
source "openpi" "ft" {
  path = "ckpt ${var.s}"
  drop "none" {
    match  = ["nothing/${var.s}"]
    reason = "because of ${var.s}"
  }
  drop "one" {
    match  = ["params/time_mlp_out/bias"]
    reason = "because of ${var.s}"
  }
  lora {
    alpha = var.n
  }
}
conversion "robot" {
  source = source.openpi.ft
  dtype  = DTYPE
  rule "r" {
    match = ["x.${var.s}"]
    dtype = "float32"
  }
  output "pytorch" {
    path  = "out/${var.s}"
    files = FILES
  }
}
`
	good := strings.NewReplacer("DTYPE", `"mixed"`, "FILES", `["assets/**"]`, `["params/time_mlp_out/bias"]`, `["train_state/${var.s}"]`)
	specs := map[string]string{
		"good":     good.Replace(spec),
		"keys":     strings.NewReplacer("DTYPE", `"mixed"`, "FILES", `["assets/**"]`).Replace(spec),
		"dtype":    strings.NewReplacer("DTYPE", `var.s`, "FILES", `["assets/**"]`).Replace(spec),
		"type":     strings.NewReplacer("DTYPE", `"mixed"`, "FILES", `var.s`).Replace(spec),
		"function": strings.NewReplacer("DTYPE", `"mixed"`, "FILES", `[regex("[", var.s)]`).Replace(spec),
		"path":     strings.NewReplacer("DTYPE", `"mixed"`, "FILES", `["assets/**"]`, "ckpt ", "nowhere ").Replace(spec),
	}
	const tensor = "paligemma_with_expert.paligemma.model.language_model.layers.1.self_attn.o_proj.weight"
	for name, text := range specs {
		file := name + ".hcl"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		ran := 0
		for _, args := range [][]string{
			{"validate"}, {"validate", "-format", "json"}, {"validate", "-format", "sarif"}, {"validate", "-format", "junit"}, {"validate", "-format", "github"},
			{"plan"}, {"plan", "-json"}, {"explain", "-tensor", tensor}, {"run"}, {"run"}, {"run", "-json", "-force"},
		} {
			if name != "good" && args[0] != "run" && args[0] != "validate" {
				continue // they fail alike
			}
			all := append(args[:1:1], append([]string{file, "-var", "s=" + secret, "-var", "n=" + number}, args[1:]...)...)
			code, stdout, stderr := loraconv(t, all...)
			if code == 0 {
				ran++
			}
			for _, s := range []string{"hunter2", "and more", number} {
				if strings.Contains(stdout+stderr, s) {
					t.Errorf("%s: %v prints %q:\n%.3000s%.3000s", name, args, s, stdout, stderr)
				}
			}
			if name == "good" && args[0] == "plan" && !strings.Contains(stdout, "(sensitive)") {
				t.Errorf("%v prints nothing of it: %s", args, stdout)
			}
		}
		if name == "good" && ran != 11 {
			t.Errorf("only %d commands went well", ran)
		}
		if err := os.RemoveAll("out"); err != nil {
			t.Fatal(err)
		}
	}
}

// A value that goes into what is computed, and into what outputs say of
// themselves, shows nowhere either: "(sensitive)" stands in its place, in each
// form of its own.
func TestSensitiveValuesInEveryForm(t *testing.T) {
	all := published(t)
	examples := absolute(t, "../../examples")
	t.Chdir(t.TempDir())
	const secret, number = "hunter2", "123.4375"
	if err := os.CopyFS("openpi "+secret, os.DirFS(filepath.Join(examples, "openpi-pi05-lora", "checkpoint"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("maxtext "+secret, os.DirFS(filepath.Join(examples, "maxtext-llama31-lora"))); err != nil {
		t.Fatal(err)
	}
	variables := `variable "s" {
  sensitive = true
}
variable "n" {
  type      = number
  sensitive = true
}
`
	rule := `
  rule "r" {
    match = ["**.self_attn.o_proj.weight"]
    scale = var.n
  }
`
	specs := map[string]string{
		"openpi": variables + `source "openpi" "ft" {
  path = "openpi ${var.s}"
  drop "one" {
    match  = ["params/PaliGemma/llm/layers/mlp_1/*lora*"]
    reason = "because of ${var.s}"
  }
  lora { alpha = 4 }
}
conversion "robot" {
  source = source.openpi.ft` + rule + `
  output "pytorch" { path = "out/openpi ${var.s}" }
}
`,
		"maxtext": variables + `source "maxtext" "base" {
  path  = "maxtext ${var.s}/checkpoint/base"
  model = "llama3.1-8b"
}
source "maxtext" "lora" {
  path = "maxtext ${var.s}/checkpoint/lora"
}
conversion "model" {
  source   = source.maxtext.base
  adapters = [source.maxtext.lora]` + rule + `
  output "huggingface" {
    path     = "out/maxtext ${var.s}"
    template = "maxtext ${var.s}/template"
  }
}
`,
	}
	quiet := func(what, text string, wants ...string) {
		t.Helper()
		for _, s := range []string{secret, number} {
			if strings.Contains(text, s) {
				t.Errorf("%s shows %q:\n%.3000s", what, s, text)
			}
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q:\n%.3000s", what, want, text)
			}
		}
	}
	ask := func(want int, args ...string) string {
		t.Helper()
		code, stdout, stderr := loraconv(t, append(args, "-var", "s="+secret, "-var", "n="+number)...)
		if code != want {
			t.Errorf("%v: exit %d, wanted %d\n%s%s", args, code, want, stdout, stderr)
		}
		return stdout + stderr
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range specs {
		write(name+".hcl", text)
	}

	const tensor = "paligemma_with_expert.paligemma.model.language_model.layers.1.self_attn.o_proj.weight"
	quiet("explain", ask(0, "explain", "openpi.hcl", "-tensor", tensor), "add (sensitive) * einsum")
	quiet("plan", ask(0, "plan", "openpi.hcl"), "(sensitive))", "because of (sensitive)", "source   ft: openpi (sensitive)")
	stream := ask(0, "plan", "openpi.hcl", "-json")
	quiet("plan -json", stream, `"scale":"(sensitive)"`, `"reason":"because of (sensitive)"`, `openpi (sensitive)"`)
	events(t, all["events"], stream, map[string]int{})
	if st, err := os.Stat("s.plan"); err == nil {
		t.Error(st)
	}
	ask(0, "plan", "openpi.hcl", "-out", "s.plan")
	if st, err := os.Stat("s.plan"); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("a plan file, in which paths stand as they are: %v, %v", st, err)
	}
	for name := range specs {
		quiet("run", ask(0, "run", name+".hcl"), "published out/"+name+" (sensitive)")
		quiet("run -json", ask(0, "run", name+".hcl", "-json"), `/out/`+name+` (sensitive)"`)
		for file, wants := range map[string][]string{
			"loraconv.manifest.json": {}, "loraconv.provenance.json": {name + " (sensitive)/"}, "README.md": {"scale = (sensitive)"}, "config.json": {},
		} {
			b, err := os.ReadFile(filepath.Join("out", name+" "+secret, file))
			if os.IsNotExist(err) && file == "README.md" && name == "openpi" {
				continue // it has no model card
			}
			if err != nil {
				t.Fatal(err)
			}
			if file == "loraconv.manifest.json" && name == "openpi" {
				wants = []string{"because of (sensitive)"}
			}
			quiet(file, string(b), wants...)
		}
	}

	// Faults of a run, and warnings.
	foreign := strings.Replace(specs["openpi"], `"out/openpi ${var.s}"`, `"mine ${var.s}"`, 1)
	write("mine "+secret+"/file", "x")
	write("foreign.hcl", foreign)
	reference := strings.Replace(specs["openpi"], `  output "pytorch" { path = "out/openpi`, `  check "reference" { path = "nowhere ${var.s}" }
  output "pytorch" { path = "out/other`, 1)
	write("reference.hcl", reference)
	for _, flags := range [][]string{nil, {"-json"}} {
		quiet("a foreign output", ask(9, append([]string{"run", "foreign.hcl"}, flags...)...), "mine (sensitive)")
		quiet("a reference that is not there", ask(4, append([]string{"run", "reference.hcl"}, flags...)...), "nowhere (sensitive)")
		write("out/.openpi "+secret+".loraconv-stage/file", "left by a run that died")
		quiet("a stage that was left", ask(0, append([]string{"run", "openpi.hcl", "-force"}, flags...)...), "beside", "(sensitive)")
	}
	text := ask(64, "explain", "openpi.hcl", "-tensor", tensor, "-var", "x="+secret)
	quiet("a fault of explain", text, "unknown-variable")
}

// Names from a file that hold control characters, line breaks and the like
// reach a terminal as escapes.
func TestNamesFromFilesAreEscaped(t *testing.T) {
	t.Chdir(t.TempDir())
	evil := "a\x1b[2J\x1b]0;x\x07\nError: fine (ok)\r\u202eb"
	shape := tensor.Shape{2}
	params := []orbaxtest.Param{{Path: []string{"params", evil}, DType: tensor.Float32, Shape: shape, Data: orbaxtest.FromBytes(make([]byte, 8), tensor.Float32, shape)}}
	for _, dir := range []string{"a", "b/" + evil} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := orbaxtest.Write(filepath.Join(dir, "params"), params, orbaxtest.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "_CHECKPOINT_METADATA"), orbaxtest.StepMetadata([]string{"params"}, nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec := strings.Replace(validSpec, `"checkpoint"`, `"a"`, 1)
	if err := os.WriteFile("s.hcl", []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(evil+".hcl", []byte(spec+"oops"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"inspect", "a"}, {"inspect", "b/" + evil}, {"inspect", "-digest", "a"}, {"inspect", evil}, {"diff", "a", "b"}, {"diff", "a", "b/" + evil}, {"plan", "s.hcl"}, {"run", "s.hcl"},
		{"verify", evil}, {"verify", "b/" + evil}, {"explain", "s.hcl", "-tensor", evil}, {"explain", evil}, {"schema", evil}, {evil}, {"fmt", evil}, {"fmt", evil + ".hcl"},
		{"validate", evil + ".hcl"}, {"validate", evil + ".hcl", "-format", "github"}, {"validate", evil + ".hcl", "-format", "junit"}, {"validate", evil + ".hcl", "-format", "sarif"},
		{"validate", evil}, {"merge", evil, "a", "b"}, {"merge", "openpi", "a", evil, "-alpha", "16"}, {"plugins", "rules", evil}, {"run", evil}, {"-C", evil, "version"}, {"run", "s.hcl", "-var", evil + "=1"}, {"run", "s.hcl", "-only", evil},
	} {
		_, stdout, stderr := loraconv(t, args...)
		for i, r := range stdout + stderr {
			if r < ' ' && r != '\n' || r == 0x7f || r == '\u202e' {
				t.Errorf("%q prints %q at %d:\n%q", args, r, i, stdout+stderr)
				break
			}
		}
		for line := range strings.Lines(stderr) {
			if strings.HasPrefix(line, "Error: fine") {
				t.Errorf("%q: a name passes for a message:\n%s", args, stderr)
			}
		}
		if stdout+stderr == "" {
			t.Errorf("%q prints nothing", fmt.Sprint(args))
		}
	}
}
