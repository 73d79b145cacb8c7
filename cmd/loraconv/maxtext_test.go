package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxtextCase is a fixture's case.json: checkpoints that MaxText and Tunix
// wrote, and what MaxText's runtime makes of them.
type maxtextCase struct {
	Model  string   `json:"model_name"`
	Base   string   `json:"base"`
	Lora   string   `json:"lora"`
	Rank   int      `json:"lora_rank"`
	Alpha  float64  `json:"lora_alpha"`
	InMeta *bool    `json:"alpha_in_metadata"`
	Scale  float64  `json:"lora_scale"`
	Templ  string   `json:"template"`
	Expect string   `json:"expect"`
	Exit   int      `json:"exit"`
	Names  []string `json:"message_names"`
	Case   string   `json:"case"`
	Proof  struct {
		AsIs    string  `json:"peft_as_is"`
		Dropped float64 `json:"maxtext_lora_vs_hf_base(dropped)"`
	} `json:"logit_proof"`
	dir     string
	noAlpha bool
}

func readMaxtext(t *testing.T, dir string) maxtextCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c maxtextCase
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	c.dir = absolute(t, dir)
	return c
}

// spec writes what a user would: the step directories, and alpha where the
// checkpoint does not hold it.
func (c *maxtextCase) spec(method, dtype, template, out, more string) string {
	at := func(p string) string { return filepath.Join(c.dir, filepath.FromSlash(p)) }
	s := fmt.Sprintf("source \"maxtext\" \"base\" {\n  path = %q\n  model = %q\n}\n", filepath.Dir(at(c.Base)), c.Model)
	adapters := ""
	if method == "merge" {
		lora := fmt.Sprintf("  lora {\n    alpha = %v\n  }\n", c.Alpha)
		if c.noAlpha || c.InMeta != nil && *c.InMeta {
			lora = ""
		}
		s += fmt.Sprintf("source \"maxtext\" \"lora\" {\n  path = %q\n%s}\n", filepath.Dir(at(c.Lora)), lora)
		adapters = "  adapters = [source.maxtext.lora]\n"
	}
	if template != "none" {
		template = at(template)
	}
	return s + fmt.Sprintf("conversion \"model\" {\n  source = source.maxtext.base\n%s  method = %q\n  dtype = %q\n  output \"huggingface\" {\n    path = %q\n    template = %q\n%s  }\n}\n", adapters, method, dtype, out, template, more)
}

// maxtextConverts runs one case and compares every tensor with the oracle.
func maxtextConverts(t *testing.T, dir, method, dtype, template string) {
	t.Helper()
	c := readMaxtext(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	if code, stdout, stderr := loraconv(t, "run", writeSpec(t, c.spec(method, dtype, template, out, ""))); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	want := readOracle(t, filepath.Join(c.dir, map[string]string{"merge": "expected_merged.safetensors", "base": "expected_base.safetensors"}[method]))
	got := readOracle(t, filepath.Join(out, "model.safetensors"))
	slack := map[string][]float64{}
	if method == "merge" {
		slack = c.slack(t, want)
		if len(slack) == 0 {
			t.Error("no tensor has LoRA")
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is one tensor more", name)
		}
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if err := compareWithin(g, w, map[string]string{"float32": "F32", "bfloat16": "BF16"}[dtype], slack[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if template != "none" {
		w, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(template), "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if g, err := os.ReadFile(filepath.Join(out, "config.json")); err != nil || string(g) != string(w) {
			t.Errorf("config.json was not copied: %v", err)
		}
	}
}

// slack is (r+2) * 2^-24 * scale * sum|B||A| of each element of the tensors
// with LoRA, from the proven adapter or from the bound that stands in for it.
func (c *maxtextCase) slack(t *testing.T, want map[string]oracleTensor) map[string][]float64 {
	t.Helper()
	out := map[string][]float64{}
	factor := math.Ldexp(float64(c.Rank+2), -24)
	if b := filepath.Join(c.dir, "expected_bound.safetensors"); exists(b) {
		for name, x := range readOracle(t, b) {
			for _, v := range x.float32s() {
				out[name] = append(out[name], factor*float64(v))
			}
		}
		return out
	}
	fs := readOracle(t, filepath.Join(c.dir, "expected_adapter", "adapter_model.safetensors"))
	for name, a := range fs {
		module, ok := strings.CutSuffix(name, ".lora_A.weight")
		if !ok {
			continue
		}
		b := fs[module+".lora_B.weight"]
		target := targetOf(t, strings.TrimPrefix(module, "base_model.model.")+".weight", want)
		rank, in := a.Shape[0], a.Shape[1]
		av, bv := a.float32s(), b.float32s()
		sum := make([]float64, b.Shape[0]*in)
		for o := range b.Shape[0] {
			for r := range rank {
				for i := range in {
					sum[o*in+i] += factor * c.Scale * math.Abs(float64(bv[o*rank+r])) * math.Abs(float64(av[r*in+i]))
				}
			}
		}
		out[target] = sum
	}
	return out
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// targetOf finds the file's name of a module: multimodal models name their
// files and their modules differently before the layers.
func targetOf(t *testing.T, name string, want map[string]oracleTensor) string {
	t.Helper()
	if _, ok := want[name]; ok {
		return name
	}
	_, tail, _ := strings.Cut(name, ".layers.")
	for n := range want {
		if strings.HasSuffix(n, ".layers."+tail) {
			return n
		}
	}
	t.Fatalf("no tensor is module %s's", name)
	return ""
}

// compareWithin allows 2 ulp and, where there is LoRA, what any float32 dot
// product may be off. Tensors without LoRA are moved, or multiplied once.
func compareWithin(got, want oracleTensor, dtype string, slack []float64) error {
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) || got.DType != dtype {
		return fmt.Errorf("%s %v, wanted %s %v", got.DType, got.Shape, dtype, want.Shape)
	}
	for i, w := range want.float32s() {
		tol := 0.0
		if w != 0 {
			tol = 2 * ulpOf(math.Abs(float64(w)))
		}
		if slack != nil {
			tol += slack[i]
		}
		g, lo, hi := 0.0, float64(w)-tol, float64(w)+tol
		if dtype == "F32" {
			g = float64(math.Float32frombits(binary.LittleEndian.Uint32(got.data[4*i:])))
		} else {
			g = fromBF16(binary.LittleEndian.Uint16(got.data[2*i:]))
			lo, hi = fromBF16(nearestBF16(lo)), fromBF16(nearestBF16(hi))
		}
		if !(lo <= g && g <= hi) {
			return fmt.Errorf("element %d is %v, wanted %v to %v", i, g, lo, hi)
		}
	}
	return nil
}

// containsFolded looks for a text that may be broken over lines.
func containsFolded(s, text string) bool {
	return strings.Contains(strings.Join(strings.Fields(s), " "), strings.Join(strings.Fields(text), " "))
}
