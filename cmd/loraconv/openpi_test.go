package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openpiCase is a fixture's case.json: a checkpoint that OpenPI wrote and what
// OpenPI's runtime makes of it.
type openpiCase struct {
	Name    string         `json:"name"`
	Outcome string         `json:"expected_outcome"`
	Exit    int            `json:"exit"`
	Names   []string       `json:"message_must_name_one_of"`
	Params  string         `json:"params_dir"`
	Assets  []string       `json:"asset_ids"`
	Float32 []string       `json:"mixed_float32"`
	Zero    []string       `json:"zero_tensors"`
	Config  map[string]any `json:"config_json"`
	Merged  map[string]struct {
		Bound float64 `json:"bound"`
	} `json:"merged"`
	Lora map[string]map[string]struct {
		Rank   int     `json:"rank"`
		Alpha  float64 `json:"alpha"`
		RSLora bool    `json:"rslora"`
	} `json:"lora"`
}

func readCase(t *testing.T, dir string) openpiCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c openpiCase
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// absolute lets a spec elsewhere name a case.
func absolute(t *testing.T, dir string) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// source returns the directory that a user would name: the step, the released
// directory, or the parameters themselves.
func (c *openpiCase) source(dir string) string {
	p := filepath.Join(dir, filepath.FromSlash(c.Params))
	if filepath.Base(p) == "params" {
		return filepath.Dir(p)
	}
	return p
}

// loraBlock writes the lora block that the case's training configuration
// amounts to.
func (c *openpiCase) loraBlock() string {
	pali, expert := c.Lora["paligemma"]["attn"], c.Lora["expert"]["attn"]
	if pali.Alpha == 0 && expert.Alpha == 0 {
		return ""
	}
	s := "  lora {\n"
	if pali.Alpha != 0 {
		s += fmt.Sprintf("    alpha = %v\n", pali.Alpha)
	}
	if expert.Alpha != 0 {
		s += fmt.Sprintf("    alpha_pattern = { \"**/attn/*_einsum_1/w\" = %v }\n", expert.Alpha)
	}
	if pali.RSLora || expert.RSLora {
		s += "    rslora = true\n"
	}
	return s + "  }\n"
}

func (c *openpiCase) spec(source, dtype, out string) string {
	return fmt.Sprintf("source \"openpi\" \"ft\" {\n  path = %q\n%s}\nconversion \"robot\" {\n  source = source.openpi.ft\n  dtype = %q\n  output \"pytorch\" {\n    path = %q\n  }\n}\n", source, c.loraBlock(), dtype, out)
}

func writeSpec(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "spec.hcl")
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// convertsRight runs one case in one type and compares every tensor.
func convertsRight(t *testing.T, dir, dtype string, flags ...string) {
	t.Helper()
	dir = absolute(t, dir)
	c := readCase(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	spec := writeSpec(t, c.spec(c.source(dir), dtype, out))
	code, stdout, stderr := loraconv(t, append([]string{"run", spec}, flags...)...)
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	want := readOracle(t, filepath.Join(dir, "expected.safetensors"))
	got := readOracle(t, filepath.Join(out, "model.safetensors"))
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
		typ := map[string]string{"float32": "F32", "bfloat16": "BF16", "mixed": "BF16"}[dtype]
		if dtype == "mixed" && slices.Contains(c.Float32, name) {
			typ = "F32"
		}
		tol := 0.0
		if m, ok := c.Merged[name]; ok {
			tol = 2 * ulpOf(m.Bound)
		}
		if err := compareTensor(g, w, typ, tol); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range c.Assets {
		rel := filepath.Join("assets", filepath.FromSlash(id), "norm_stats.json")
		w, err := os.ReadFile(filepath.Join(c.source(dir), rel))
		if err != nil {
			t.Fatal(err)
		}
		if g, err := os.ReadFile(filepath.Join(out, rel)); err != nil || string(g) != string(w) {
			t.Errorf("%s was not copied: %v", rel, err)
		}
	}
	c.checkConfig(t, out)
}

func (c *openpiCase) checkConfig(t *testing.T, out string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for k, w := range c.Config {
		if fmt.Sprint(got[k]) != fmt.Sprint(w) {
			t.Errorf("config.json: %s is %v, wanted %v", k, got[k], w)
		}
	}
}

// refusesRight runs a damaged case: its exit code, a message that names what
// is wrong, and nothing at or beside the output.
func refusesRight(t *testing.T, dir string) {
	t.Helper()
	dir = absolute(t, dir)
	c := readCase(t, dir)
	parent := t.TempDir()
	out := filepath.Join(parent, "out")
	spec := writeSpec(t, c.spec(c.source(dir), "float32", out))
	code, stdout, stderr := loraconv(t, "run", spec)
	if code != c.Exit {
		t.Errorf("exit %d, wanted %d\n%s%s", code, c.Exit, stdout, stderr)
	}
	named := false
	for _, n := range c.Names {
		for _, form := range []string{n, strings.ReplaceAll(n, ".", "/"), strings.ReplaceAll(strings.TrimSuffix(n, ".value"), ".", "/")} {
			named = named || strings.Contains(stderr, form)
		}
	}
	if !named {
		t.Errorf("the message names none of %v:\n%s", c.Names, stderr)
	}
	es, err := os.ReadDir(parent)
	if err != nil || len(es) != 0 {
		t.Errorf("left behind: %v, %v", es, err)
	}
}
