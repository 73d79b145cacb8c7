package openpi

import (
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// without takes parameters out, by the ends of their names.
func without(ends ...string) func(*manifest.Manifest) {
	return func(m *manifest.Manifest) {
		m.Tensors = slices.DeleteFunc(m.Tensors, func(t manifest.Tensor) bool {
			return slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(t.Name, e) })
		})
	}
}

// resized sets one axis of the parameters whose names end so.
func resized(axis, to int, ends ...string) func(*manifest.Manifest) {
	return func(m *manifest.Manifest) {
		for i := range m.Tensors {
			t := &m.Tensors[i]
			if slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(t.Name, e) }) {
				t.Shape = slices.Clone(t.Shape)
				t.Shape[axis] = to
			}
		}
	}
}

func retyped(d tensor.DType, end string) func(*manifest.Manifest) {
	return func(m *manifest.Manifest) {
		for i := range m.Tensors {
			if strings.HasSuffix(m.Tensors[i].Name, end) {
				m.Tensors[i].DType = d
			}
		}
	}
}

// replaced gives the names another beginning.
func replaced(from, to string) func(*manifest.Manifest) {
	return func(m *manifest.Manifest) {
		for i := range m.Tensors {
			m.Tensors[i].Name = strings.Replace(m.Tensors[i].Name, from, to, 1)
		}
		m.Sort()
	}
}

// deeper gives the action expert's stack one layer more.
func deeper(m *manifest.Manifest) {
	for i := range m.Tensors {
		if t := &m.Tensors[i]; strings.Contains(t.Name, "llm/layers/") && strings.Contains(t.Name, "_1") {
			t.Shape = slices.Clone(t.Shape)
			t.Shape[0]++
		}
	}
}

// Trees of which every row alone can be read, and which openpi's models could
// neither have saved nor load: BaseModelConfig.load compares the whole tree
// with the one that the LoRAConfigs give, and Attention asserts that the
// experts have equal heads.
func TestTreesThatNoModelHas(t *testing.T) {
	for _, c := range []struct {
		name, tree string
		change     func(*manifest.Manifest)
		code       string
		text       []string
	}{
		{"a query's pair", "jax_pi0_lora.json", without("attn/q_einsum/lora_a", "attn/q_einsum/lora_b"), "lora-partial",
			[]string{"params/PaliGemma/llm/layers/attn/q_einsum/lora_a and params/PaliGemma/llm/layers/attn/q_einsum/lora_b are not in", "params/PaliGemma/llm/layers/attn/kv_einsum/lora_a is", "allow_partial"}},
		{"an expert's feed-forward pair", "jax_pi05_lora_expert.json", without("mlp_1/linear_lora_a", "mlp_1/linear_lora_b"), "lora-partial",
			[]string{"params/PaliGemma/llm/layers/mlp_1/linear_lora_a", "params/PaliGemma/llm/layers/mlp_1/gating_einsum_lora_a is", "feed-forward weights"}},
		{"a pair of pi0-FAST", "jax_pi0_fast_lora.json", without("kv_einsum/lora_a", "kv_einsum/lora_b"), "lora-partial",
			[]string{"params/PaliGemma/llm/layers/attn/kv_einsum/lora_a"}},
		{"a rank that was cut", "jax_pi0_lora.json", func(m *manifest.Manifest) {
			resized(3, 8, "attn/q_einsum/lora_a")(m)
			resized(2, 8, "attn/q_einsum/lora_b")(m)
		}, "lora-partial", []string{"params/PaliGemma/llm/layers/attn/q_einsum/lora_a has rank 8", "rank 16"}},
		{"experts of unlike depth", "jax_pi0_lora.json", deeper, "shape-mismatch",
			[]string{"params/PaliGemma/llm/layers/attn/attn_vec_einsum_1/w has layers = 19, but params/PaliGemma/llm/layers/attn/attn_vec_einsum/w has 18"}},
		{"experts of unlike heads", "jax_pi05.json", func(m *manifest.Manifest) {
			resized(1, 4, "/q_einsum_1/w", "attn_vec_einsum_1/w")(m)
		}, "shape-mismatch", []string{"attn_vec_einsum_1/w has heads = 4"}},
		{"experts of unlike kv heads", "jax_pi0.json", resized(2, 2, "kv_einsum_1/w"), "shape-mismatch", []string{"kv_einsum_1/w has kv heads = 2"}},
		{"integers", "jax_pi0.json", retyped(tensor.Int8, "mlp/linear"), "not-a-float", []string{"params/PaliGemma/llm/layers/mlp/linear is int8, wanted a float"}},
		{"truth values", "jax_pi0.json", retyped(tensor.Bool, "action_in_proj/bias"), "not-a-float", []string{"params/action_in_proj/bias is bool"}},
		{"another framework", "jax_pi0_lora.json", func(m *manifest.Manifest) {
			m.Tensors = []manifest.Tensor{{Name: "params/params/decoder/logits_dense/kernel", DType: tensor.Float32, Shape: tensor.Shape{2, 2}}}
		}, "not-openpi", []string{"it holds 1 parameter, the first being params/params/decoder/logits_dense/kernel"}},
		{"nothing", "jax_pi0.json", func(m *manifest.Manifest) { m.Tensors = nil }, "not-openpi", []string{"it is empty"}},
		{"a PyTorch model", "jax_pi0.json", func(m *manifest.Manifest) {
			m.Tensors = []manifest.Tensor{{Name: "paligemma_with_expert.paligemma.lm_head.weight", DType: tensor.Float32, Shape: tensor.Shape{2, 2}}}
		}, "not-openpi", []string{"converted already"}},
		{"another root", "jax_pi0_lora.json", replaced("params/", "state/model/"), "not-openpi", []string{"lies below state/model/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lora map[string]any
			if strings.Contains(c.tree, "lora") {
				lora = alpha16
			}
			m := jaxTree(t, c.tree)
			c.change(m)
			resp := planOf(t, request(m, "", lora))
			if resp.Plan != nil {
				t.Error("a plan was made")
			}
			found := 0
			for _, d := range resp.Diagnostics {
				if d.Severity != diag.Error {
					continue
				}
				if found++; d.Code != c.code || d.Class != diag.Keys {
					t.Errorf("beside it: %v", d)
				}
				for _, w := range c.text {
					if !strings.Contains(d.Error(), w) {
						t.Errorf("%q is not in: %s", w, d.Error())
					}
				}
			}
			if found != 1 {
				t.Errorf("%d errors, wanted one: %v", found, resp.Diagnostics)
			}
		})
	}
}

// A model that was trained with LoRA on a part of its modules converts when
// the spec says so, and its base when the LoRA is left out on purpose.
func TestAllowPartial(t *testing.T) {
	m := jaxTree(t, "jax_pi0_lora.json")
	without("attn/q_einsum/lora_a", "attn/q_einsum/lora_b", "mlp_1/linear_lora_a", "mlp_1/linear_lora_b")(m)
	resp := planOf(t, request(m, "", map[string]any{"alpha": 16.0, "allow_partial": true}))
	if len(resp.Diagnostics) > 0 {
		t.Fatal(resp.Diagnostics)
	}
	merged := map[string]int{}
	for _, x := range resp.Plan.Tensors {
		if findMerge(x.Expr) != nil {
			merged[x.Rule]++
		}
	}
	if merged["query"] != 18 || merged["key_value"] != 72 || merged["feed_forward_out"] != 18 {
		t.Errorf("merged by row: %v", merged)
	}
	base := with(request(m, "", nil), func(r *sdk.PlanRequest) { r.Method = "base" })
	if resp := planOf(t, base); len(resp.Diagnostics) > 0 {
		t.Error(resp.Diagnostics)
	}
}

// An alpha goes where the spec means it to go, or the spec is refused.
func TestAlphaThatGoesNowhere(t *testing.T) {
	both, pali := jaxTree(t, "jax_pi0_lora.json"), jaxTree(t, "jax_pi0_lora_pali.json")
	pattern := func(text string, v float64) map[string]any {
		return map[string]any{"alpha": 16.0, "alpha_pattern": map[string]any{text: v}}
	}
	for _, c := range []struct {
		name     string
		m        *manifest.Manifest
		lora     map[string]any
		severity diag.Severity
		code     string
		text     string
	}{
		{"feed-forward", both, pattern("**/mlp_1/linear", 32), diag.Error, "glob-hits-nothing", "feed-forward LoRA unscaled"},
		{"a factor", both, pattern("**/q_einsum_1/lora_a", 32), diag.Error, "glob-hits-nothing", "params/PaliGemma/llm/layers/attn/q_einsum_1/lora_a, and alpha belongs to attention's base parameters"},
		{"no LoRA there", pali, pattern("**/attn/*_einsum_1/w", 32), diag.Warning, "glob-hits-nothing", "its alpha scales nothing"},
		{"zero", both, pattern("**/attn/*_einsum_1/w", 0), diag.Error, "alpha-invalid", `found 0 on "**/attn/*_einsum_1/w"`},
		{"too large for float32", both, map[string]any{"alpha": 1e300}, diag.Error, "alpha-invalid", "found 1e+300"},
		{"too small for float32", both, map[string]any{"alpha": 1e-300}, diag.Error, "alpha-invalid", "found 1e-300"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := planOf(t, request(c.m, "", c.lora))
			if len(resp.Diagnostics) != 1 {
				t.Fatalf("wanted one diagnostic, found: %v", resp.Diagnostics)
			}
			if d := resp.Diagnostics[0]; d.Severity != c.severity || d.Code != c.code || !strings.Contains(d.Error(), c.text) {
				t.Errorf("wanted %s with %q, found: %v", c.code, c.text, d)
			}
		})
	}
}

// Assets without statistics are as good as none to openpi's loader.
func TestAssetsWithoutStatistics(t *testing.T) {
	m := jaxTree(t, "jax_pi0.json")
	m.Files = []manifest.File{{Path: "assets/trossen/README.md", Bytes: 10}}
	resp := planOf(t, request(m, "", nil))
	if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Code != "no-assets" || len(resp.Plan.Files) != 1 {
		t.Errorf("%v", resp.Diagnostics)
	}
}

// What a copy that was broken off leaves of statistics is not passed on.
func TestEmptyStatistics(t *testing.T) {
	m := jaxTree(t, "jax_pi0.json")
	m.Files = []manifest.File{{Path: "assets/trossen/README.md"}, {Path: "assets/trossen/norm_stats.json"}}
	resp := planOf(t, request(m, "", nil))
	if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Code != "assets-empty" || resp.Diagnostics[0].Class != diag.Source || !strings.Contains(resp.Diagnostics[0].Detail, "assets/trossen/norm_stats.json of source") {
		t.Errorf("%v", resp.Diagnostics)
	}
}

// A config says which experts and which of their modules have LoRA, and of
// what rank: models/gemma.py get_config.
func TestConfigAndLoRA(t *testing.T) {
	const lowMem = "pi0_libero_low_mem_finetune"
	for _, c := range []struct {
		name, tree, method string
		change             func(*manifest.Manifest)
		text               []string // of each error
	}{
		{"agrees", "jax_pi0_lora.json", "", nil, nil},
		{"base on purpose", "jax_pi0.json", "base", nil, nil},
		{"no LoRA", "jax_pi0.json", "", nil, []string{
			`trains LoRA of rank 16 on the attention einsums of params/PaliGemma/llm/layers/attn/q_einsum/w`, "feed-forward weights of params/PaliGemma/llm/layers/mlp/gating_einsum,",
			"rank 32 on the attention einsums of params/PaliGemma/llm/layers/attn/q_einsum_1/w", "mlp_1/gating_einsum"}},
		{"LoRA on one expert", "jax_pi0_lora_pali.json", "", nil, []string{"attn/q_einsum_1/lora_a", "mlp_1/gating_einsum_lora_a"}},
		{"LoRA on attention alone", "jax_pi0_lora.json", "", without("mlp/gating_einsum_lora_a", "mlp/gating_einsum_lora_b", "mlp/linear_lora_a", "mlp/linear_lora_b"),
			[]string{"rank 16 on the feed-forward weights of params/PaliGemma/llm/layers/mlp/gating_einsum"}},
		{"another rank", "jax_pi0_lora.json", "", func(m *manifest.Manifest) {
			resized(3, 8, "mlp_1/gating_einsum_lora_a")(m)
			resized(2, 8, "mlp_1/gating_einsum_lora_b", "mlp_1/linear_lora_a")(m)
			resized(1, 8, "mlp_1/linear_lora_b")(m)
		}, []string{"trains with rank 32, params/PaliGemma/llm/layers/mlp_1/gating_einsum_lora_a has rank 8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := jaxTree(t, c.tree)
			if c.change != nil {
				c.change(m)
			}
			resp := planOf(t, with(request(m, "", nil), func(r *sdk.PlanRequest) {
				r.Method = c.method
				r.Sources[0].Args["config"] = lowMem
			}))
			if len(resp.Diagnostics) != len(c.text) {
				t.Fatalf("wanted %d errors, found: %v", len(c.text), resp.Diagnostics)
			}
			for i, d := range resp.Diagnostics {
				if d.Code != "config-contradicts" || !strings.Contains(d.Error(), c.text[i]) {
					t.Errorf("%q is not in: %v", c.text[i], d)
				}
			}
		})
	}
}
