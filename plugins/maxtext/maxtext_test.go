package maxtext

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// Every built-in table prints in the notation that it is written in.
func TestRulesPrintAndParse(t *testing.T) {
	for i := range families {
		f := &families[i]
		t.Run(f.name, func(t *testing.T) {
			table, err := f.table()
			if err != nil {
				t.Fatal(err)
			}
			again, err := rule.Parse(rule.Format(table), "printed")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(table, again); d != "" {
				t.Error(d)
			}
		})
	}
}

// What the plugin says of itself holds every table, with what it includes.
func TestDescribeHoldsEveryTable(t *testing.T) {
	d, err := Converter{}.Describe(t.Context(), sdk.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(tables, "families/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Rules) != len(files) {
		t.Errorf("%d tables, %d files", len(d.Rules), len(files))
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".hcl")
		table, err := rule.Parse(d.Rules[name], name)
		if err != nil {
			t.Error(err)
		} else if table.Row("embedding") == nil || table.Row("final_norm") == nil || len(table.Refusals) == 0 {
			t.Errorf("%s has no embedding, no final norm or no refusals", name)
		}
	}
	all := strings.Join(slices.Collect(maps.Values(d.Rules)), "")
	shared, err := fs.Glob(tables, "families/shared/*.hcl")
	if err != nil || len(shared) < 10 {
		t.Fatalf("%d shared tables: %v", len(shared), err)
	}
	for _, f := range shared { // each is of use
		b, err := fs.ReadFile(tables, f)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if i := strings.Index(text, "\nrule "); i < 0 && !strings.Contains(text, "\nblock ") || i >= 0 && !strings.Contains(all, text[i:i+strings.Index(text[i:], "\n}\n")]) {
			t.Errorf("%s is in no table", f)
		}
	}
}

// The longest prefix decides; a family without a table is refused.
func TestFamilies(t *testing.T) {
	for _, c := range []struct{ model, want string }{
		{"llama3.1-8b", "llama"}, {"llama2-7b", "llama"}, {"mistral-7b", "mistral"}, {"mixtral-8x22b", "mixtral"},
		{"qwen2.5-7b", "qwen2"}, {"qwen3-4b", "qwen3"}, {"qwen3-30b-a3b", "qwen3_moe"}, {"qwen3-235b-a22b", "qwen3_moe"},
		{"qwen3-next-80b-a3b", "qwen3_next"}, {"qwen3-vl-2b", "qwen3_vl"}, {"qwen3-vl-4b", "qwen3_vl"}, {"qwen3-vl-30b-a3b", "qwen3_vl_moe"}, {"qwen3-omni-30b-a3b", "qwen3_omni"}, {"qwen3.5-35b-a3b", "qwen3_5"},
		{"gemma2-27b", "gemma2"}, {"gemma3-12b", "gemma3"}, {"gemma4-31b", "gemma4"}, {"gemma4-e2b", "gemma4"}, {"gpt-oss-120b", "gpt_oss"},
		{"deepseek2-16b", "deepseek2"}, {"deepseek3-671b", "deepseek3"}, {"deepseek3.2-671b", "deepseek3_2"}, {"deepseek4-284b", "deepseek4"}, {"olmo3-32b", "olmo3"}, {"bert", ""},
	} {
		got := ""
		f, err := familyOf(c.model)
		if err == nil {
			got = f.name
		}
		if got != c.want {
			t.Errorf("%s: %q, wanted %q (%v)", c.model, got, c.want, err)
		}
	}
}

// Where the parameters lie, what lies beside them, and what they are.
func TestLayouts(t *testing.T) {
	norm := map[string]tensor.Shape{"decoder/decoder_norm/scale": {8}, "decoder/layers/pre_self_attention_layer_norm/scale": {8, 3}}
	axis0 := map[string]tensor.Shape{"decoder/decoder_norm/scale": {8}, "decoder/layers/pre_self_attention_layer_norm/scale": {3, 8}}
	apart := map[string]tensor.Shape{"decoder/decoder_norm/scale": {8}, "decoder/layers_0/pre_self_attention_layer_norm/scale": {8}}
	list := map[string]tensor.Shape{"decoder/decoder_norm/scale": {8}, "decoder/layers/0/pre_self_attention_layer_norm/scale": {8}}
	lora := map[string]tensor.Shape{"decoder/layers/mlp/wo/kernel_lora_a": {8, 3, 5}, "decoder/layers/mlp/wo/kernel_lora_b": {5, 3, 8}}
	first := map[string]tensor.Shape{"decoder/layers/mlp/wo/kernel_lora_a": {3, 8, 5}, "decoder/layers/mlp/wo/kernel_lora_b": {3, 5, 8}}
	either := map[string]tensor.Shape{"decoder/layers/mlp/wo/kernel_lora_a": {3, 3, 3}, "decoder/layers/mlp/wo/kernel_lora_b": {3, 3, 8}}
	type seen struct {
		Root, Kind, Scanned   string
		Axis, Params, Dropped int
	}
	for _, c := range []struct {
		name, root string
		params     map[string]tensor.Shape
		beside     []string
		want       seen
	}{
		{"training state", "params/params/", norm, []string{"opt_state/1/0/mu/decoder/decoder_norm/scale", "step", "nnx_aux/model/decoder/rngs/key"}, seen{"params/params/", "base", "scanned", 1, 2, 3}},
		{"parameters", "params/", norm, []string{"step"}, seen{"params/", "base", "scanned", 1, 2, 1}},
		{"nnx", "", apart, nil, seen{"", "base", "unscanned", -1, 2, 0}},
		{"rl", "base/", axis0, nil, seen{"base/", "base", "scanned", 0, 2, 0}},
		{"list", "params/params/", list, nil, seen{"params/params/", "base", "unscanned", -1, 2, 0}},
		{"lora", "", lora, nil, seen{"", "lora", "scanned", 1, 2, 0}},
		{"lora stacked first", "", first, nil, seen{"", "lora", "scanned", 0, 2, 0}},
		{"lora either way", "", either, nil, seen{"", "lora", "scanned", -1, 2, 0}},
		{"lora and step", "params/params/", lora, []string{"step"}, seen{"params/params/", "lora", "scanned", 1, 2, 1}},
		{"unknown beside", "params/params/", norm, []string{"mystery/scale"}, seen{"params/params/", "base", "scanned", 1, 2, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &manifest.Manifest{}
			for n, s := range c.params {
				m.Tensors = append(m.Tensors, manifest.Tensor{Name: c.root + n, Shape: s, DType: tensor.Float32})
			}
			for _, n := range c.beside {
				m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, Shape: tensor.Shape{8}, DType: tensor.Float32})
			}
			m.Sort()
			l := readLayout(&sdk.Source{Name: "s", Manifest: m})
			got := seen{l.root, l.kind, l.scanned, l.axis, len(l.params.Tensors), len(l.drops)}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestShardBytes(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{{"5GB", 5e9}, {"2 GiB", 2 << 30}, {"1.5MB", 1500000}, {"7B", 7}, {"", 0}, {"GB", 0}, {"-1GB", 0}, {"NaNGB", 0}, {"5", 0}, {"1e30TB", 0}} {
		got, err := shardBytes(c.text)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%q: %d, %v; wanted %d", c.text, got, err, c.want)
		}
	}
}
