package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// adapterSpec is what a user writes to export a case's adapter, and to have
// it multiplied out before it is published.
func (c *maxtextCase) adapterSpec(out, template, more string) string {
	s := c.spec("merge", "float32", template, out, more)
	s = strings.Replace(s, `method = "merge"`, `method = "adapter"`, 1)
	return strings.Replace(s, `  output "huggingface"`, "  check \"roundtrip\" {}\n  output \"peft\"", 1)
}

// aloneSpec exports the adapter without its base: the template, or the model's
// published size, tells the heads.
func (c *maxtextCase) aloneSpec(out, template string) string {
	s := c.adapterSpec(out, template, "")
	_, s, _ = strings.Cut(s, "}\n") // the base
	s = strings.Replace(s, "  adapters = [source.maxtext.lora]\n", "", 1)
	s = strings.Replace(s, "source = source.maxtext.base", "source = source.maxtext.lora", 1)
	return strings.Replace(s, "  path =", fmt.Sprintf("  model = %q\n  path =", c.Model), 1)
}

// maxtextExports compares scale * B A of every module with the adapter whose
// logits were proven. The factors themselves may differ.
func maxtextExports(t *testing.T, dir, template string, alone bool) {
	t.Helper()
	c := readMaxtext(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	spec := c.adapterSpec(out, template, "")
	if alone {
		spec = c.aloneSpec(out, template)
	}
	code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec))
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	// Where PEFT was seen to leave modules out, that is said, and nowhere else.
	if said := strings.Contains(stderr, "peft-drops-modules"); said != (c.Proof.AsIs != "") {
		t.Errorf("PEFT drops modules: %q, and the warning is there: %v", c.Proof.AsIs, said)
	}
	compareAdapters(t, out, filepath.Join(c.dir, "expected_adapter"))
	var config struct {
		Rank int    `json:"r"`
		Type string `json:"peft_type"`
		Task string `json:"task_type"`
	}
	readJSON(t, filepath.Join(out, "adapter_config.json"), &config)
	if config.Rank != c.Rank || config.Type != "LORA" || config.Task != "CAUSAL_LM" {
		t.Errorf("adapter_config.json: %+v", config)
	}
	if code, stdout, stderr := loraconv(t, "verify", out); code != 0 {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
}

// compareAdapters compares scale * B A of every module of two adapters, and
// the modules that PEFT is told of.
func compareAdapters(t *testing.T, out, proven string) {
	t.Helper()
	got, bound := products(t, out)
	want, _ := products(t, proven)
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" || len(want) == 0 {
		t.Fatalf("modules:\n%s", d)
	}
	for module, w := range want {
		if len(got[module]) != len(w) {
			t.Errorf("%s has %d elements, wanted %d", module, len(got[module]), len(w))
			continue
		}
		for i, g := range got[module] {
			// Each factor is rounded to float32 at most twice on either side.
			if tol := math.Ldexp(8*bound[module][i], -24); !(math.Abs(g-w[i]) <= tol) {
				t.Errorf("%s: element %d is %v, wanted %v within %g", module, i, g, w[i], tol)
				break
			}
		}
	}
	var config struct {
		Targets []string `json:"target_modules"`
	}
	readJSON(t, filepath.Join(out, "adapter_config.json"), &config)
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), config.Targets); d != "" {
		t.Errorf("target_modules:\n%s", d)
	}
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// products computes scale * B A and scale * |B| |A| for each module of an
// adapter, as PEFT does: rank and alpha from the patterns where one matches.
func products(t *testing.T, dir string) (value, bound map[string][]float64) {
	t.Helper()
	var config struct {
		Rank   int                `json:"r"`
		Alpha  float64            `json:"lora_alpha"`
		Ranks  map[string]int     `json:"rank_pattern"`
		Alphas map[string]float64 `json:"alpha_pattern"`
	}
	readJSON(t, filepath.Join(dir, "adapter_config.json"), &config)
	fs := readOracle(t, filepath.Join(dir, "adapter_model.safetensors"))
	value, bound = map[string][]float64{}, map[string][]float64{}
	for name, a := range fs {
		module, ok := strings.CutSuffix(name, ".lora_A.weight")
		if !ok {
			continue
		}
		b, ok := fs[module+".lora_B.weight"]
		if !ok || len(a.Shape) != 2 || len(b.Shape) != 2 {
			t.Fatalf("%s has no partner, or is no matrix", name)
		}
		module, ok = strings.CutPrefix(module, "base_model.model.")
		if !ok {
			t.Fatalf("%s has no prefix", name)
		}
		rank, alpha := peftPattern(config.Ranks, module, config.Rank), peftPattern(config.Alphas, module, config.Alpha)
		if a.Shape[0] != rank || b.Shape[1] != rank {
			t.Fatalf("%s: shapes %v and %v, wanted rank %d", module, a.Shape, b.Shape, rank)
		}
		in, av, bv := a.Shape[1], a.float32s(), b.float32s()
		v, n := make([]float64, b.Shape[0]*in), make([]float64, b.Shape[0]*in)
		for o := range b.Shape[0] {
			for r := range rank {
				for i := range in {
					x := alpha / float64(rank) * float64(bv[o*rank+r]) * float64(av[r*in+i])
					v[o*in+i] += x
					n[o*in+i] += math.Abs(x)
				}
			}
		}
		value[module], bound[module] = v, n
	}
	return value, bound
}

// peftPattern is get_pattern_key of peft/utils/other.py: a pattern fits the end
// of a module's path, after a dot or at its start.
func peftPattern[V any](patterns map[string]V, module string, otherwise V) V {
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		if regexp.MustCompile(`^(.*\.)?(` + p + `)$`).MatchString(module) {
			return patterns[p]
		}
	}
	return otherwise
}

func TestMaxTextAdapter(t *testing.T) {
	for _, template := range []string{"none", readMaxtext(t, maxtextShipped).Templ} {
		t.Run(filepath.Base(template), func(t *testing.T) { maxtextExports(t, maxtextShipped, template, false) })
	}
	t.Run("alone", func(t *testing.T) { maxtextExports(t, maxtextShipped, readMaxtext(t, maxtextShipped).Templ, true) })
}

// Outputs and methods that do not go together are refused, and a rule may
// scale one module, which then has an alpha of its own.
func TestMaxTextAdapterSpecs(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	out := filepath.Join(t.TempDir(), "out")
	good := c.adapterSpec(out, "none", "")
	for _, x := range []struct{ name, from, to, text string }{
		{"merge to peft", `method = "adapter"`, `method = "merge"`, `writes output "huggingface"`},
		{"adapter to huggingface", `output "peft"`, `output "huggingface"`, `writes output "peft"`},
		{"no adapters", "adapters = [source.maxtext.lora]", "", "was adapters forgotten"},
	} {
		code, _, stderr := loraconv(t, "plan", writeSpec(t, strings.Replace(good, x.from, x.to, 1)))
		if code != 64 || !containsFolded(stderr, x.text) {
			t.Errorf("%s: exit %d, wanted 64 and %q:\n%s", x.name, code, x.text, stderr)
		}
	}
	const module = "model.layers.1.self_attn.q_proj"
	scaled := strings.Replace(good, "  output", fmt.Sprintf("  rule \"half\" {\n    match = [%q]\n    scale = 0.5\n  }\n  output", module+".weight"), 1)
	if code, stdout, stderr := loraconv(t, "run", writeSpec(t, scaled)); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	got, bound := products(t, out)
	want, _ := products(t, filepath.Join(c.dir, "expected_adapter"))
	for m, w := range want {
		f := 1.0
		if m == module {
			f = 0.5
		}
		for i := range w {
			if g := got[m][i]; math.Abs(g-f*w[i]) > math.Ldexp(8*bound[m][i], -24) {
				t.Errorf("%s: element %d is %v, wanted %v", m, i, g, f*w[i])
				break
			}
		}
	}
}

// Same checkpoint, same bytes.
func TestMaxTextAdapterTwice(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	var files [2][]byte
	for i := range files {
		out := filepath.Join(t.TempDir(), "out")
		if code, stdout, stderr := loraconv(t, "run", writeSpec(t, c.adapterSpec(out, "none", ""))); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
		}
		for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
			b, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = append(binary.LittleEndian.AppendUint64(files[i], uint64(len(b))), b...)
		}
	}
	if string(files[0]) != string(files[1]) {
		t.Error("two runs differ")
	}
}

// Without its base, an adapter's heads come from the template or from the
// published size of the model that the spec names; nothing is guessed.
func TestMaxTextAdapterAlone(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	templ := filepath.Join(c.dir, filepath.FromSlash(c.Templ))
	out := filepath.Join(t.TempDir(), "out")
	good := c.aloneSpec(out, c.Templ)
	small := t.TempDir()
	for name, edit := range map[string]func(map[string]any){
		"config.json":                  func(m map[string]any) { m["num_hidden_layers"] = 2 },
		"model.safetensors.index.json": func(map[string]any) {},
	} {
		var doc map[string]any
		readJSON(t, filepath.Join(templ, name), &doc)
		edit(doc)
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(small, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name, from, to string
		exit           int
		text           string
	}{
		{"merged", `method = "adapter"`, `method = "merge"`, 64, `writes output "huggingface"`},
		{"size of another model", fmt.Sprintf("template = %q", templ), `template = "none"`, 3, `model "llama3.1-8b" has d (width) = 4096`},
		{"no size", fmt.Sprintf("model = %q\n", c.Model), "", 0, ""},
		{"fewer layers", fmt.Sprintf("template = %q", templ), fmt.Sprintf("template = %q", small), 3, `block "layer" stands 2 times`},
		{"adapter of an adapter", "  method", "  adapters = [source.maxtext.lora]\n  method", 64, "is the conversion's source already"},
	} {
		code, _, stderr := loraconv(t, "plan", writeSpec(t, strings.Replace(good, x.from, x.to, 1)))
		if code != x.exit || !containsFolded(stderr, x.text) {
			t.Errorf("%s: exit %d, wanted %d and %q:\n%s", x.name, code, x.exit, x.text, stderr)
		}
	}
	neither := strings.Replace(strings.Replace(good, fmt.Sprintf("template = %q", templ), `template = "none"`, 1), "llama3.1-8b", "llama3.1-custom", 1)
	if code, _, stderr := loraconv(t, "plan", writeSpec(t, neither)); code != 64 || !containsFolded(stderr, "an adapter alone does not tell apart") {
		t.Errorf("neither template nor size: exit %d, wanted 64:\n%s", code, stderr)
	}
}

// The example's adapter, made from a save by Tunix alone, is the one whose
// logits in PEFT are MaxText's; its rotary permutation and query scale are not
// the identity.
func TestMaxTextPeftExample(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if code, stdout, stderr := loraconv(t, "run", "../../examples/maxtext-llama31-peft/adapter.hcl", "-var", "out="+out); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	compareAdapters(t, out, "testdata/maxtext/llama31-tunix/expected_adapter")
}
