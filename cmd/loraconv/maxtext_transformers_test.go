//go:build transformers

package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaxTextTransformers loads the output of every good case under
// LORACONV_FIXTURES/maxtext in transformers, merged and as a PEFT adapter, with
// the Python at LORACONV_PYTHON.
func TestMaxTextTransformers(t *testing.T) {
	python := os.Getenv("LORACONV_PYTHON")
	cases, err := filepath.Glob(filepath.Join(os.Getenv("LORACONV_FIXTURES"), "maxtext", "*", "case.json"))
	if err != nil || len(cases) == 0 || python == "" {
		t.Fatalf("%d cases, Python at %q: %v", len(cases), python, err)
	}
	for _, file := range cases {
		dir := filepath.Dir(file)
		if c := readMaxtext(t, dir); c.Expect != "refuse" {
			t.Run(filepath.Base(dir), func(t *testing.T) { loadsInTransformers(t, python, dir) })
		}
	}
}

func loadsInTransformers(t *testing.T, python, dir string) {
	c := readMaxtext(t, dir)
	work := t.TempDir()
	at := func(name string) string { return filepath.Join(work, name) }
	specs := map[string]string{
		"merged": c.spec("merge", "float32", c.Templ, at("merged"), ""),
		"shards": c.spec("merge", "bfloat16", c.Templ, at("shards"), "    max_shard_size = \"50KB\"\n"),
		"base":   c.spec("base", "float32", c.Templ, at("base"), ""),
	}
	args := []string{"testdata/transformers/check.py", c.dir, at("proven"), at("merged"), at("shards"), at("base")}
	if exists(filepath.Join(c.dir, "expected_adapter")) {
		specs["adapter"] = c.aloneSpec(at("adapter"), c.Templ)
		args = append(args, at("adapter"))
	}
	for name, spec := range specs {
		if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
			t.Fatalf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
	if err := os.CopyFS(at("proven"), os.DirFS(filepath.Join(c.dir, filepath.FromSlash(c.Templ)))); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(at("proven"), "model.safetensors.index.json"))
	weights, err := os.ReadFile(filepath.Join(c.dir, "expected_merged.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at("proven"), "model.safetensors"), weights, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr.String())
	}
	var got struct {
		Merged, Changed, Scale float64
		Adapter                *float64
	}
	if err := json.Unmarshal(stdout, &got); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	t.Logf("%s", strings.TrimSpace(string(stdout)))
	// What float32 weights may move the logits by, as it was found when the cases
	// were proven; linear attention is rougher. A tensor that is off by one place
	// moves them by 0.04 or more.
	noise := 3e-4
	if strings.HasPrefix(c.Model, "qwen3-next") {
		noise = 1e-3
	}
	if !(got.Merged <= noise) {
		t.Errorf("merged: logits are off by %g, at most %g", got.Merged, noise)
	}
	if !(math.Abs(got.Changed-c.Proof.Dropped) <= noise) {
		t.Errorf("the LoRA moves the logits by %g, MaxText's own moved them by %g", got.Changed, c.Proof.Dropped)
	}
	switch {
	case (got.Adapter != nil) != (len(args) == 7):
		t.Errorf("the adapter was loaded: %v", got.Adapter != nil)
	case got.Adapter != nil && !(*got.Adapter <= noise):
		t.Errorf("adapter: logits are off by %g, at most %g", *got.Adapter, noise)
	}
}
