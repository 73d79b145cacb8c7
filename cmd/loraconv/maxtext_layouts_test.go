package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func sortedNames(m map[string]grid) []string { return slices.Sorted(maps.Keys(m)) }

// tinyBases are the ways in which MaxText and Tunix have saved base models.
var tinyBases = map[string]tinyLayout{
	"training state":       {item: "items", root: "params/params/", layers: "axis 1", beside: true, custom: `{"scan_layers": true}`},
	"imported":             {item: "items", root: "params/params/", layers: "axis 1"},
	"stacked first":        {item: "items", root: "params/params/", layers: "axis 0"},
	"single params":        {item: "items", root: "params/", layers: "apart"},
	"list":                 {item: "items", root: "params/params/", layers: "list"},
	"sft":                  {item: "model_params", value: true, layers: "axis 1", beside: true},
	"sft, layers apart":    {item: "model_params", value: true, layers: "apart"},
	"rl":                   {item: "model_params", root: "base/", value: true, layers: "axis 1", beside: true},
	"post-training":        {item: "items", root: "params/params/", layers: "apart", beside: true, own: `{"scan_layers": false}`},
	"default item of a v1": {item: "default", root: "params/", layers: "axis 1"},
}

const tinyMetadata = `{"scan_layers": true, "lora": {"enable_lora": true, "lora_rank": 2, "lora_alpha": 6.0, "lora_module_path": "", "lora_weight_qtype": null}}`

// tinyLoras are the ways in which adapters have been saved.
var tinyLoras = map[string]tinyLayout{
	"sft":               {item: "model_params", value: true, layers: "axis 1"},
	"sft, axis 0":       {item: "model_params", value: true, layers: "axis 0"},
	"sft, layers apart": {item: "model_params", value: true, layers: "apart"},
	"rl":                {item: "model_params", root: "base/", value: true, layers: "axis 1"},
	"items":             {item: "items", root: "params/params/", layers: "axis 1", beside: true, custom: tinyMetadata},
	"list":              {item: "items", root: "params/params/", layers: "list", custom: strings.Replace(tinyMetadata, "true,", "false,", 1)},
	"post-training":     {item: "items", root: "params/params/", layers: "apart", own: strings.Replace(tinyMetadata, "true,", "false,", 1)},
	"older leaves":      {item: "items", root: "params/params/", layers: "apart", oldForm: true},
	"older, stacked":    {item: "items", root: "params/params/", layers: "axis 1", oldForm: true},
}

// alpha is what a spec says where the checkpoint does not.
func (y tinyLayout) alpha() string {
	if strings.Contains(y.custom+y.own, "lora_alpha") {
		return ""
	}
	return fmt.Sprintf("  lora {\n    alpha = %d\n  }\n", tinyAlpha)
}

func tinySpec(base, baseArgs, lora, loraArgs, out string) string {
	s := fmt.Sprintf("source \"maxtext\" \"base\" {\n  path  = %q\n  model = \"llama3.1-8b\"\n%s}\n", base, baseArgs)
	adapters := ""
	if lora != "" {
		s += fmt.Sprintf("source \"maxtext\" \"lora\" {\n  path = %q\n%s}\n", lora, loraArgs)
		adapters = "  adapters = [source.maxtext.lora]\n"
	}
	return s + fmt.Sprintf("conversion \"model\" {\n  source = source.maxtext.base\n%s  output \"huggingface\" {\n    path     = %q\n    template = \"none\"\n  }\n}\n", adapters, out)
}

// Every way to save a base, with every way to save an adapter, is the one
// model, in whatever way the run, the step or the item is named.
func TestMaxTextLayouts(t *testing.T) {
	rest, layers := tinyBase()
	want := tinyWanted(tinyAlpha / tinyRank)
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(tinyBases)) {
		tinyBases[name].write(t, filepath.Join(dir, "base", name), rest, layers)
	}
	for _, name := range slices.Sorted(maps.Keys(tinyLoras)) {
		y := tinyLoras[name]
		y.write(t, filepath.Join(dir, "lora", name), nil, tinyLora(y.oldForm, true))
	}
	way := 0
	// named is the run, the step or the item, in turn.
	named := func(run string, y tinyLayout) string {
		way++
		return []string{run, filepath.Join(run, "7"), filepath.Join(run, "7", y.item)}[way%3]
	}
	for bn, b := range tinyBases {
		t.Run(bn, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if code, stdout, stderr := loraconv(t, "run", writeSpec(t, tinySpec(named(filepath.Join(dir, "base", bn), b), "", "", "", out))); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
			}
			compareGrids(t, filepath.Join(out, "model.safetensors"), tinyWanted(0))
		})
		for ln, l := range tinyLoras {
			if strings.HasPrefix(b.layers, "axis") && strings.HasPrefix(l.layers, "axis") && b.layers != l.layers {
				continue // refused, see below
			}
			t.Run(bn+" with "+ln, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out")
				spec := tinySpec(named(filepath.Join(dir, "base", bn), b), "", named(filepath.Join(dir, "lora", ln), l), l.alpha(), out)
				code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec))
				if code != 0 {
					t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
				}
				compareGrids(t, filepath.Join(out, "model.safetensors"), want)
			})
		}
	}
	t.Run("different axes", func(t *testing.T) {
		spec := tinySpec(filepath.Join(dir, "base", "imported"), "", filepath.Join(dir, "lora", "sft, axis 0"), tinyLoras["sft"].alpha(), filepath.Join(t.TempDir(), "out"))
		if code, _, stderr := loraconv(t, "plan", writeSpec(t, spec)); code != 3 || !containsFolded(stderr, "stacked along axis 0") {
			t.Errorf("exit %d, wanted 3\n%s", code, stderr)
		}
	})
}

// Base and LoRA in one checkpoint, in every layout of a base.
func TestMaxTextBoth(t *testing.T) {
	want := tinyWanted(tinyAlpha / tinyRank)
	for name, y := range tinyBases {
		for _, older := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, older=%v", name, older), func(t *testing.T) {
				rest, layers := tinyBase()
				for l, of := range tinyLora(older, true) {
					maps.Copy(layers[l], of)
				}
				run, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
				y.write(t, run, rest, layers)
				spec := tinySpec(run, fmt.Sprintf("  kind = \"both\"\n  lora {\n    alpha = %d\n    rank  = %d\n  }\n", tinyAlpha, tinyRank), "", "", out)
				if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
					t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
				}
				compareGrids(t, filepath.Join(out, "model.safetensors"), want)
			})
		}
	}
}

// An adapter without its base, in every layout: B A alpha/rank of each module
// is what merging adds.
func TestMaxTextAloneLayouts(t *testing.T) {
	base, merged := tinyWanted(0), tinyWanted(tinyAlpha/tinyRank)
	templ := t.TempDir()
	config := fmt.Sprintf(`{"model_type": "llama", "hidden_size": %d, "num_attention_heads": %d, "num_key_value_heads": 1, "head_dim": %d, "num_hidden_layers": %d, "vocab_size": %d}`,
		tinyWidth, tinyHeads, tinyDim, tinyLayers, tinyVocab)
	if err := os.WriteFile(filepath.Join(templ, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, y := range tinyLoras {
		t.Run(name, func(t *testing.T) {
			run, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			y.write(t, run, nil, tinyLora(y.oldForm, true))
			spec := fmt.Sprintf("source \"maxtext\" \"lora\" {\n  path = %q\n%s}\nconversion \"a\" {\n  source = source.maxtext.lora\n  output \"peft\" {\n    path = %q\n    template = %q\n  }\n}\n", run, y.alpha(), out, templ)
			if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
			}
			got, _ := products(t, out)
			if len(got) != 4*tinyLayers {
				t.Errorf("%d modules, wanted %d", len(got), 4*tinyLayers)
			}
			for module, v := range got {
				for i, g := range v {
					if w := merged[module+".weight"].data[i] - base[module+".weight"].data[i]; g != w {
						t.Errorf("%s: element %d is %v, wanted %v", module, i, g, w)
						break
					}
				}
			}
		})
	}
}

// A training run that failed before its first step saves second factors of
// nothing but zeros: the run says so, merged or exported.
func TestMaxTextIdleLora(t *testing.T) {
	rest, layers := tinyBase()
	dir := t.TempDir()
	tinyBases["imported"].write(t, filepath.Join(dir, "base"), rest, layers)
	for _, trained := range []bool{true, false} {
		run := filepath.Join(dir, fmt.Sprint("trained ", trained))
		tinyLoras["sft"].write(t, run, nil, tinyLora(false, trained))
		merge := tinySpec(filepath.Join(dir, "base"), "", run, tinyLoras["sft"].alpha(), "OUT")
		export := strings.Replace(strings.Replace(merge, `output "huggingface"`, `output "peft"`, 1), "    template = \"none\"\n", "", 1)
		for name, spec := range map[string]string{"merged": merge, "exported": export} {
			spec = strings.Replace(spec, "OUT", filepath.Join(t.TempDir(), "out"), 1)
			code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec))
			if warned := containsFolded(stderr, "The LoRA changes nothing"); code != 0 || warned == trained {
				t.Errorf("%s, trained %v: exit %d, warned %v\n%s%s", name, trained, code, warned, stdout, stderr)
			}
		}
	}
}

// Two runs of different rank and alpha, saved in different ways, are added to
// one base with the weights that the spec gives them.
func TestMaxTextWeightedAdapters(t *testing.T) {
	rest, layers := tinyBase()
	dir := t.TempDir()
	one := tinyFactors("one", func(string, int) int { return 2 }, false, true)
	two := tinyFactors("two", func(string, int) int { return 4 }, false, true)
	tinyBases["training state"].write(t, filepath.Join(dir, "base"), rest, layers)
	tinyLoras["sft"].write(t, filepath.Join(dir, "one"), nil, one)
	tinyLoras["sft, layers apart"].write(t, filepath.Join(dir, "two"), nil, two)
	out := filepath.Join(dir, "out")
	spec := tinySpec(filepath.Join(dir, "base"), "", filepath.Join(dir, "one"), "  lora {\n    alpha = 6\n  }\n", out)
	spec = strings.Replace(spec, "adapters = [source.maxtext.lora]", "adapters = [{ source = source.maxtext.lora, weight = 0.5 }, { source = source.maxtext.two, weight = -2 }]", 1)
	spec += fmt.Sprintf("source \"maxtext\" \"two\" {\n  path = %q\n  lora {\n    alpha = 8\n  }\n}\n", filepath.Join(dir, "two"))
	if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	compareGrids(t, filepath.Join(out, "model.safetensors"), tinyMerged([][]map[string]grid{one, two}, []float64{6 * 0.5, 8 * -2}))
}

// Where ranks differ, adapter_config.json says so module by module, in keys
// that hit one module each, and twice in the same order.
func TestMaxTextRankPattern(t *testing.T) {
	rest, layers := tinyBase()
	dir := t.TempDir()
	lora := tinyFactors("", func(module string, l int) int {
		if module == "mlp/wo" && l == 1 {
			return 4
		}
		return 2
	}, false, true)
	tinyBases["imported"].write(t, filepath.Join(dir, "base"), rest, layers)
	tinyLoras["sft, layers apart"].write(t, filepath.Join(dir, "lora"), nil, lora)
	var files [2]string
	for i := range files {
		out := filepath.Join(dir, fmt.Sprint("out", i))
		spec := tinySpec(filepath.Join(dir, "base"), "", filepath.Join(dir, "lora"), "  lora {\n    alpha = 8\n  }\n", out)
		spec = strings.Replace(strings.Replace(spec, `output "huggingface"`, `output "peft"`, 1), "  output", "  rule \"half\" {\n    match = [\"model.layers.2.self_attn.o_proj.weight\"]\n    scale = 0.5\n  }\n  output", 1)
		if code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec)); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
		}
		got, _ := products(t, out)
		base, merged := tinyMerged(nil, nil), tinyMerged([][]map[string]grid{lora}, []float64{8})
		if len(got) != 4*tinyLayers {
			t.Errorf("%d modules", len(got))
		}
		for module, v := range got {
			scale := 1.0
			if module == "model.layers.2.self_attn.o_proj" {
				scale = 0.5
			}
			for k, g := range v {
				if w := scale * (merged[module+".weight"].data[k] - base[module+".weight"].data[k]); g != w {
					t.Errorf("%s: element %d is %v, wanted %v", module, k, g, w)
					break
				}
			}
		}
		b, err := os.ReadFile(filepath.Join(out, "adapter_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		files[i] = string(b)
	}
	for _, text := range []string{
		`"rank_pattern": {
    "^model\\.layers\\.1\\.mlp\\.down_proj": 4
  }`, `"alpha_pattern": {
    "^model\\.layers\\.2\\.self_attn\\.o_proj": 4
  }`, `"r": 2`, `"lora_alpha": 8`,
	} {
		if !strings.Contains(files[0], text) {
			t.Errorf("adapter_config.json lacks %s:\n%s", text, files[0])
		}
	}
	if files[0] != files[1] {
		t.Error("two runs differ")
	}
}
