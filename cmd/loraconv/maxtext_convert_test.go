package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const maxtextShipped = "testdata/maxtext/llama31"

// The shipped checkpoint, merged, is the model whose logits were compared with
// MaxText's own.
func TestMaxTextMerge(t *testing.T) {
	for _, dtype := range []string{"float32", "bfloat16"} {
		for _, template := range []string{"none", readMaxtext(t, maxtextShipped).Templ} {
			t.Run(dtype+"/"+filepath.Base(template), func(t *testing.T) {
				maxtextConverts(t, maxtextShipped, "merge", dtype, template)
			})
		}
	}
}

// Shards hold the same tensors as one file, no shard is larger than it may be,
// and the index names the file of each.
func TestMaxTextShards(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	out := filepath.Join(t.TempDir(), "out")
	spec := writeSpec(t, c.spec("merge", "float32", c.Templ, out, "    max_shard_size = \"50KB\"\n"))
	if code, stdout, stderr := loraconv(t, "run", spec); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	b, err := os.ReadFile(filepath.Join(out, "model.safetensors.index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(out, "model-*.safetensors"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d shards: %v", len(files), err)
	}
	got, where := map[string]oracleTensor{}, map[string]string{}
	for _, f := range files {
		size := 0
		part := readOracle(t, f)
		for n, x := range part {
			got[n], where[n] = x, filepath.Base(f)
			size += len(x.data)
		}
		if size > 50_000 {
			t.Errorf("%s holds %d bytes", f, size)
		}
	}
	if d := cmp.Diff(where, index.WeightMap); d != "" {
		t.Error(d)
	}
	want := readOracle(t, filepath.Join(c.dir, "expected_merged.safetensors"))
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
		t.Error(d)
	}
	slack := c.slack(t, want)
	for n, w := range want {
		if err := compareWithin(got[n], w, "F32", slack[n]); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if code, stdout, stderr := loraconv(t, "verify", out); code != 0 {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
}

// What a spec or a template says wrongly is refused, with the right exit code
// and a message that names it.
func TestMaxTextRefusals(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	template := func(t *testing.T, edit func(config, index map[string]any)) string {
		dir := t.TempDir()
		docs := map[string]map[string]any{}
		for _, name := range []string{"config.json", "model.safetensors.index.json"} {
			b, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(c.Templ), name))
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			docs[name] = doc
		}
		edit(docs["config.json"], docs["model.safetensors.index.json"]["weight_map"].(map[string]any))
		for name, doc := range docs {
			b, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	type m = map[string]any
	base, lora := filepath.Join(c.dir, "../../../../../examples/maxtext-llama31-lora/checkpoint/base"), filepath.Join(c.dir, "../../../../../examples/maxtext-llama31-lora/checkpoint/lora")
	spec := func(baseArgs, loraArgs, conversion, output string) string {
		return `source "maxtext" "base" {
  path = "` + base + `"
` + baseArgs + `}
source "maxtext" "lora" {
  path = "` + lora + `"
` + loraArgs + `}
conversion "model" {
  source = source.maxtext.base
` + conversion + `  output "huggingface" {
    path = "` + filepath.Join(t.TempDir(), "out") + `"
` + output + `  }
}
`
	}
	const adapters, none, model = "  adapters = [source.maxtext.lora]\n", "    template = \"none\"\n", "  model = \"llama3.1-8b\"\n"
	at := func(dir string) string { return "    template = \"" + dir + "\"\n" }
	for _, x := range []struct {
		name, spec string
		exit       int
		text       string
	}{
		{"no template", spec(model, "", adapters, ""), 64, `template = "none"`},
		{"no model", spec("", "", adapters, none), 64, `say model = "llama3.1-8b"`},
		{"model without a table", spec("  model = \"llama4-17b-16e\"\n", "", adapters, none), 64, "has no table for Llama 4"},
		{"no adapters", spec(model, "", "  method = \"merge\"\n", none), 64, "was adapters forgotten"},
		{"alpha contradicts", spec(model, "  lora {\n    alpha = 7\n  }\n", adapters, none), 64, "lora_alpha 6"},
		{"rank contradicts", spec(model, "  lora {\n    rank = 8\n  }\n", adapters, none), 64, "has rank 4"},
		{"scan contradicts", spec(model+"  scan_layers = false\n", "", adapters, none), 64, "scan_layers = false"},
		{"axis contradicts", spec(model+"  param_scan_axis = 0\n", "", adapters, none), 64, "stacked along axis 1"},
		{"kind contradicts", spec(model+"  kind = \"both\"\n", "", adapters, none), 64, "a base model and no LoRA"},
		{"no adapter, base alone", spec(model, "", "", none), 0, ""},
		{"other width", spec("", "", adapters, at(template(t, func(c, _ m) { c["hidden_size"] = 64 }))), 3, "hidden_size 64"},
		{"other head dim", spec("", "", adapters, at(template(t, func(c, _ m) { c["head_dim"] = 32 }))), 3, "head dim 16"},
		{"other family", spec(model, "", adapters, at(template(t, func(c, _ m) { c["model_type"] = "qwen3" }))), 3, `model_type is "qwen3"`},
		{"tensor more in template", spec("", "", adapters, at(template(t, func(_, w m) { w["model.extra.weight"] = "model.safetensors" }))), 3, "model.extra.weight"},
		{"tensor absent", spec("", "", adapters, at(template(t, func(_, w m) { w["model.extra.weight"] = "model.safetensors" }))+"    absent = [\"model.extra.*\"]\n"), 0, ""},
		{"tensor less in template", spec("", "", adapters, at(template(t, func(_, w m) { delete(w, "model.norm.weight") }))), 3, "model.norm.weight"},
		{"bad shard size", spec(model, "", adapters, none+"    max_shard_size = \"5 parsecs\"\n"), 64, "5 parsecs"},
	} {
		t.Run(x.name, func(t *testing.T) {
			code, stdout, stderr := loraconv(t, "plan", writeSpec(t, x.spec))
			if code != x.exit {
				t.Errorf("exit %d, wanted %d\n%s", code, x.exit, stdout)
			}
			if !containsFolded(stderr, x.text) {
				t.Errorf("the message lacks %q:\n%s", x.text, stderr)
			}
		})
	}
}

// Two sources of one adapter, weighted to one, merge as the adapter does; a
// plan file of them runs to the same bytes.
func TestMaxTextSeveralAdapters(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	at := func(p string) string { return filepath.Join(c.dir, filepath.FromSlash(p)) }
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	spec := `source "maxtext" "base" {
  path = "` + at(c.Base) + `"
}
source "maxtext" "one" {
  path = "` + at(c.Lora) + `"
}
source "maxtext" "two" {
  path = "` + at(c.Lora) + `"
}
conversion "model" {
  source   = source.maxtext.base
  adapters = [{ source = source.maxtext.one, weight = 0.25 }, { source = source.maxtext.two, weight = 0.75 }]
  output "huggingface" {
    path     = "` + out + `"
    template = "` + at(c.Templ) + `"
  }
}
`
	planFile := filepath.Join(dir, "plan.json")
	for _, args := range [][]string{{"plan", writeSpec(t, spec), "-out", planFile}, {"run", planFile}, {"verify", out}} {
		if code, stdout, stderr := loraconv(t, args...); code != 0 {
			t.Fatalf("%s: exit %d\n%s%s", args[0], code, stdout, stderr)
		}
	}
	want := readOracle(t, filepath.Join(c.dir, "expected_merged.safetensors"))
	got := readOracle(t, filepath.Join(out, "model.safetensors"))
	slack := c.slack(t, want)
	for n, w := range want {
		for i := range slack[n] {
			slack[n][i] *= 2 // two products, two sums
		}
		if err := compareWithin(got[n], w, "F32", slack[n]); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// The same bytes in every way, of a model and of an adapter.
func TestMaxTextDeterminism(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	t.Run("merge", func(t *testing.T) {
		sameBytes(t, "maxtext", func(out string) string {
			return c.spec("merge", "bfloat16", c.Templ, out, "    max_shard_size = \"50KB\"\n")
		})
	})
	t.Run("adapter", func(t *testing.T) {
		sameBytes(t, "maxtext", func(out string) string { return c.aloneSpec(out, c.Templ) })
	})
}

// The model card holds the spec, what was found, versions and digests; it is
// written beside a copied configuration, unless the spec says otherwise.
func TestMaxTextCard(t *testing.T) {
	c := readMaxtext(t, maxtextShipped)
	for _, x := range []struct {
		template, more string
		wanted         bool
	}{
		{c.Templ, "", true}, {c.Templ, "    card = false\n", false}, {c.Templ, "    card = true\n", true},
		{"none", "", false}, {"none", "    card = true\n", true},
	} {
		out := filepath.Join(t.TempDir(), "out")
		spec := c.spec("merge", "float32", x.template, out, x.more)
		spec = strings.Replace(spec, "  dtype", "  rule \"norms\" {\n    match = [\"**.norm.weight\"]\n    dtype = \"bfloat16\"\n  }\n  dtype", 1)
		if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
		}
		b, err := os.ReadFile(filepath.Join(out, "README.md"))
		if (err == nil) != x.wanted {
			t.Errorf("template %q, %q: a card is there: %v", x.template, x.more, err == nil)
		}
		if !x.wanted {
			continue
		}
		weights, err := os.ReadFile(filepath.Join(out, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			"---\nlibrary_name: transformers\n", `source "maxtext" "lora"`, `adapters = [source.maxtext.lora]`, `match = ["**.norm.weight"]`,
			"| family | llama |", "plugin maxtext ", fmt.Sprintf("| model.safetensors | %d | `%x` |", len(weights), sha256.Sum256(weights)),
		} {
			if !strings.Contains(string(b), text) {
				t.Errorf("template %q, %q: the card lacks %q:\n%s", x.template, x.more, text, b)
			}
		}
		if strings.Contains(string(b), filepath.Dir(out)) || strings.Contains(string(b), c.dir) {
			t.Errorf("the card names a place of this machine:\n%s", b)
		}
		if code, stdout, stderr := loraconv(t, "verify", out); code != 0 {
			t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
		}
	}
}

// inspect names the modules that a LoRA covers, and alpha; a checkpoint that
// should have LoRA and has none is told apart.
func TestMaxTextInspect(t *testing.T) {
	if code, stdout, stderr := loraconv(t, "inspect", "../../examples/maxtext-llama31-lora/checkpoint/lora"); code != 0 ||
		!containsFolded(stdout, "3 modules; alpha 6, from the checkpoint's metadata decoder/layers/self_attention/out/kernel: 3 layers, rank 4") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	var report struct {
		Lora *struct {
			Alpha   *float64 `json:"alpha"`
			Modules []struct {
				Layers int   `json:"layers"`
				Ranks  []int `json:"ranks"`
			} `json:"modules"`
		} `json:"lora"`
	}
	code, stdout, stderr := loraconv(t, "inspect", "../../examples/maxtext-llama31-peft/checkpoint", "-json")
	if err := json.Unmarshal([]byte(stdout), &report); code != 0 || err != nil || report.Lora == nil || report.Lora.Alpha != nil || len(report.Lora.Modules) != 7 {
		t.Errorf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
	rest, layers := tinyBase()
	run := t.TempDir()
	y := tinyBases["imported"]
	y.custom = tinyMetadata
	y.write(t, run, rest, layers)
	if code, stdout, stderr := loraconv(t, "inspect", run); code != 0 || !containsFolded(stdout, "but no parameter is a LoRA factor") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
