package openpi

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// jaxTree reads one of testdata/jax_*.json: the parameters of OpenPI's models
// at their real dimensions, as jax.eval_shape gives them.
func jaxTree(t *testing.T, name string) *manifest.Manifest {
	t.Helper()
	var keys map[string]struct {
		Shape tensor.Shape `json:"shape"`
		DType tensor.DType `json:"dtype"`
	}
	readJSON(t, name, &keys)
	m := &manifest.Manifest{Format: "orbax", Tree: "params"}
	for k, v := range keys {
		path := append([]string{"params"}, strings.Split(k, "/")...)
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: manifest.ParamName(path), Path: path, DType: v.DType, Shape: v.Shape})
	}
	m.Files = []manifest.File{{Path: "assets/trossen/norm_stats.json", Bytes: 10}, {Path: "wandb_id.txt", Bytes: 8}}
	m.Sort()
	return m
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func request(m *manifest.Manifest, dtype string, lora map[string]any) sdk.PlanRequest {
	args := map[string]any{}
	if lora != nil {
		args["lora"] = lora
	}
	return sdk.PlanRequest{
		Conversion: "robot", DType: dtype, Output: sdk.Output{Format: "pytorch"},
		Sources: []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Args: args, Manifest: m}},
	}
}

func planOf(t *testing.T, req sdk.PlanRequest) *sdk.PlanResponse {
	t.Helper()
	resp, err := Converter{}.Plan(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Plan != nil {
		resp.Diagnostics.Append(plan.Check(resp.Plan, plan.Manifests{"ft": req.Sources[0].Manifest}))
	}
	return resp
}

var alpha16 = map[string]any{"alpha": 16.0}

// models pairs each JAX tree with the state dict of OpenPI's PyTorch module.
var models = []struct{ jax, torch string }{
	{"jax_pi0.json", "torch_pi0.json"},
	{"jax_pi0_lora.json", "torch_pi0.json"},
	{"jax_pi0_lora_expert.json", "torch_pi0.json"},
	{"jax_pi0_lora_pali.json", "torch_pi0.json"},
	{"jax_pi05.json", "torch_pi05.json"},
	{"jax_pi05_lora.json", "torch_pi05.json"},
	{"jax_pi05_lora_expert.json", "torch_pi05.json"},
	{"jax_pi05_lora_pali.json", "torch_pi05.json"},
	{"jax_pi0_fast.json", "torch_pi0_fast.json"},
	{"jax_pi0_fast_lora.json", "torch_pi0_fast.json"},
}

// At the real dimensions, the mixed layout has exactly the names, shapes and
// types that the PyTorch module expects in its file.
func TestStateDict(t *testing.T) {
	for _, c := range models {
		t.Run(c.jax, func(t *testing.T) {
			var torch map[string]struct {
				Shape tensor.Shape `json:"shape"`
				DType string       `json:"live_dtype_bf16_model"`
				File  bool         `json:"in_file"`
			}
			readJSON(t, c.torch, &torch)
			want := map[string]string{}
			for k, v := range torch {
				if v.File {
					want[k] = fmt.Sprint(v.DType, v.Shape)
				}
			}
			var lora map[string]any
			if strings.Contains(c.jax, "lora") {
				lora = alpha16
			}
			resp := planOf(t, request(jaxTree(t, c.jax), "mixed", lora))
			if len(resp.Diagnostics) > 0 {
				t.Fatal(resp.Diagnostics.Error())
			}
			got := map[string]string{}
			for _, x := range resp.Plan.Tensors {
				got[x.Name] = fmt.Sprint(x.DType.Safetensors(), x.Shape)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("state dict (-module +plan):\n%s", d)
			}
			if d := cmp.Diff([]plan.File{{From: "ft", Path: "assets/trossen/norm_stats.json", To: "assets/trossen/norm_stats.json"}}, resp.Plan.Files); d != "" {
				t.Error(d)
			}
		})
	}
}

// Every parameter that the plan reads, removed, renamed, reshaped, or doubled
// under another name: refused with that parameter named, or the facts that
// plan prints change.
func TestLedgerMutations(t *testing.T) {
	for _, c := range models {
		t.Run(c.jax, func(t *testing.T) {
			m := jaxTree(t, c.jax)
			var lora map[string]any
			if strings.Contains(c.jax, "lora") {
				lora = alpha16
			}
			base := planOf(t, request(m, "mixed", lora))
			if base.Diagnostics.HasErrors() {
				t.Fatal(base.Diagnostics.Error())
			}
			for i := range m.Tensors {
				for what, mutate := range mutations {
					mm := m.Clone()
					leaf := mm.Tensors[i].Name
					mutate(mm, i)
					mm.Sort()
					resp := planOf(t, request(mm, "mixed", lora))
					if resp.Diagnostics.HasErrors() {
						if !strings.Contains(resp.Diagnostics.Error(), leaf) {
							t.Errorf("%s %s: refused without naming it: %s", what, leaf, resp.Diagnostics.Error())
						}
						continue
					}
					if cmp.Equal(base.Plan.Facts, resp.Plan.Facts) {
						t.Errorf("%s %s: planned without a word", what, leaf)
					}
				}
			}
		})
	}
}

var mutations = map[string]func(*manifest.Manifest, int){
	"remove": func(m *manifest.Manifest, i int) { m.Tensors = append(m.Tensors[:i], m.Tensors[i+1:]...) },
	"rename": func(m *manifest.Manifest, i int) { m.Tensors[i].Name += "x" },
	"add": func(m *manifest.Manifest, i int) {
		t := m.Tensors[i]
		t.Name += "_extra"
		m.Tensors = append(m.Tensors, t)
	},
	"widen": func(m *manifest.Manifest, i int) {
		s := m.Tensors[i].Shape
		m.Tensors[i].Shape = append(append(tensor.Shape{}, s[:len(s)-1]...), s[len(s)-1]+1)
	},
	"lengthen": func(m *manifest.Manifest, i int) {
		s := m.Tensors[i].Shape
		m.Tensors[i].Shape = append(tensor.Shape{s[0] + 1}, s[1:]...)
	},
	"drop axis": func(m *manifest.Manifest, i int) {
		m.Tensors[i].Shape = m.Tensors[i].Shape[1:]
	},
	"flatten": func(m *manifest.Manifest, i int) {
		if s := m.Tensors[i].Shape; len(s) > 1 {
			m.Tensors[i].Shape = tensor.Shape{s.Elements()}
		} else {
			m.Tensors[i].Shape = tensor.Shape{s[0], 1}
		}
	},
}

func TestRefusals(t *testing.T) {
	lora := jaxTree(t, "jax_pi0_lora.json")
	plain := jaxTree(t, "jax_pi0.json")
	moe := lora.Clone()
	moe.Tensors = append(moe.Tensors, manifest.Tensor{Name: "params/PaliGemma/llm/layers/mlp/gating_einsum_lora_a_experts", DType: tensor.Float32, Shape: tensor.Shape{18, 4, 2, 2048, 16}})
	moe.Sort()
	for _, c := range []struct {
		name  string
		req   sdk.PlanRequest
		class diag.Class
		code  string
		text  string
	}{
		{"no alpha", request(lora, "", nil), diag.Usage, "alpha-unknown", "lora { alpha = 16 }"},
		{"adapter", with(request(lora, "", alpha16), func(r *sdk.PlanRequest) { r.Method = "adapter" }), diag.Usage, "openpi-no-adapter", "sums lora_b over heads"},
		{"merge of nothing", with(request(plain, "", nil), func(r *sdk.PlanRequest) { r.Method = "merge" }), diag.Usage, "no-lora", "none of the 50"},
		{"lora block, no lora", request(plain, "", alpha16), diag.Usage, "no-lora", "take the block out"},
		{"mixture of LoRA", request(moe, "", alpha16), diag.Keys, "refused-parameter", "gating_einsum_lora_a_experts: a mixture of LoRA experts has no merged weight"},
		{"pattern hits nothing", request(lora, "", map[string]any{"alpha": 16.0, "alpha_pattern": map[string]any{"PaliGemma/llm/layers/attn/q_einsun/w": 8.0}}), diag.Usage, "glob-hits-nothing", `did you mean "PaliGemma/llm/layers/attn/q_einsum/w"?`},
		{"config unknown", with(request(lora, "", nil), func(r *sdk.PlanRequest) { r.Sources[0].Args["config"] = "pi0_libero_lowmem_finetune" }), diag.Usage, "unknown-config", `did you mean "pi0_libero_low_mem_finetune"? For a config of your own`},
		{"config of one's own", with(request(lora, "", nil), func(r *sdk.PlanRequest) { r.Sources[0].Args["config"] = "kitchen" }), diag.Usage, "unknown-config", `TrainConfigs. For a config of your own`},
		{"pattern with nothing", request(lora, "", map[string]any{"alpha": 16.0, "alpha_pattern": map[string]any{"**/attn/*_einsum_1/w": 0.0}}), diag.Usage, "alpha-invalid", `found 0 on "**/attn/*_einsum_1/w"`},
		{"half an action", with(request(lora, "", alpha16), func(r *sdk.PlanRequest) { r.Output.Args = map[string]any{"action_horizon": 10.5} }), diag.Usage, "invalid-value", "found 10.5, wanted a whole number of at least 1"},
		{"config of another model", with(request(lora, "", nil), func(r *sdk.PlanRequest) { r.Sources[0].Args["config"] = "pi05_libero" }), diag.Usage, "config-contradicts", "is a pi05, the checkpoint is a pi0"},
		{"config without LoRA", with(request(lora, "", nil), func(r *sdk.PlanRequest) { r.Sources[0].Args["config"] = "pi0_libero" }), diag.Usage, "config-contradicts", "says nothing about alpha"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := planOf(t, c.req)
			for _, d := range resp.Diagnostics {
				if d.Code == c.code && d.Class == c.class && strings.Contains(d.Error(), c.text) {
					return
				}
			}
			t.Errorf("wanted %s with %q, found: %v", c.code, c.text, resp.Diagnostics.Error())
		})
	}
}

func with(r sdk.PlanRequest, f func(*sdk.PlanRequest)) sdk.PlanRequest {
	f(&r)
	return r
}

// Scales as the runtime computes them: alpha/rank or alpha/sqrt(rank) on
// attention, none on the feed-forward layers, patterns before the default.
func TestScales(t *testing.T) {
	m := jaxTree(t, "jax_pi0_lora.json") // ranks 16 and 32
	for _, c := range []struct {
		name string
		lora map[string]any
		conf string
		want map[string]float32 // row and tower -> scale
	}{
		{"alpha", map[string]any{"alpha": 8.0}, "", map[string]float32{"query": 0.5, "query_1": 0.25, "feed_forward_in": 1, "feed_forward_out_1": 1}},
		{"rslora", map[string]any{"alpha": 8.0, "rslora": true}, "", map[string]float32{"attention_output": 2, "attention_output_1": float32(8 / 5.656854249492381), "feed_forward_in_1": 1}},
		{"pattern", map[string]any{"alpha": 8.0, "alpha_pattern": map[string]any{"**/attn/*_einsum_1/w": 64.0}}, "", map[string]float32{"key_value": 0.5, "key_value_1": 2, "feed_forward_in_1": 1}},
		{"config", nil, "pi0_libero_low_mem_finetune", map[string]float32{"query": 1, "query_1": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(m, "", c.lora)
			if c.conf != "" {
				req.Sources[0].Args["config"] = c.conf
			}
			resp := planOf(t, req)
			if resp.Diagnostics.HasErrors() {
				t.Fatal(resp.Diagnostics.Error())
			}
			got := map[string]float32{}
			for _, x := range resp.Plan.Tensors {
				if mg := findMerge(x.Expr); mg != nil {
					row := x.Rule
					if strings.Contains(x.Name, "gemma_expert") {
						row += "_1"
					}
					if _, ok := c.want[row]; ok {
						got[row] = mg.Terms[0].Scale
					}
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func findMerge(x plan.Expr) *plan.Merge {
	switch x := x.(type) {
	case *plan.Merge:
		return x
	case *plan.Rearrange:
		return findMerge(x.X)
	}
	return nil
}

// The plan lines of the rows that others get wrong, written by hand.
func TestHardRows(t *testing.T) {
	resp := planOf(t, request(jaxTree(t, "jax_pi05_lora.json"), "mixed", alpha16))
	if resp.Diagnostics.HasErrors() {
		t.Fatal(resp.Diagnostics.Error())
	}
	want := map[string]string{
		"paligemma_with_expert.paligemma.model.language_model.layers.17.self_attn.o_proj.weight":                  `rearrange(merge("params/PaliGemma/llm/layers/attn/attn_vec_einsum/w"[17], "params/PaliGemma/llm/layers/attn/attn_vec_einsum/lora_a"[17], "params/PaliGemma/llm/layers/attn/attn_vec_einsum/lora_b"[17], "n h r, m r d -> n h d", 1), "n h d -> d (n h)")`,
		"paligemma_with_expert.paligemma.model.language_model.layers.3.self_attn.v_proj.weight":                   `rearrange(merge("params/PaliGemma/llm/layers/attn/kv_einsum/w"[3, 1], "params/PaliGemma/llm/layers/attn/kv_einsum/lora_a"[3, 1], "params/PaliGemma/llm/layers/attn/kv_einsum/lora_b"[3, 1], "g d r, g r h -> g d h", 1), "g d h -> (g h) d")`,
		"paligemma_with_expert.gemma_expert.model.layers.0.mlp.up_proj.weight":                                    `rearrange(merge("params/PaliGemma/llm/layers/mlp_1/gating_einsum"[0, 1], "params/PaliGemma/llm/layers/mlp_1/gating_einsum_lora_a"[0, 1], "params/PaliGemma/llm/layers/mlp_1/gating_einsum_lora_b"[0, 1], "d r, r f -> d f", 1), "d f -> f d")`,
		"paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding.weight":       `rearrange("params/PaliGemma/img/embedding/kernel", "ph pw c vd -> vd c ph pw")`,
		"paligemma_with_expert.paligemma.lm_head.weight":                                                          `"params/PaliGemma/llm/embedder/input_embedding"`,
		"paligemma_with_expert.gemma_expert.lm_head.weight":                                                       `fill([257152, 1024], 0)`,
		"paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.position_embedding.weight":    `rearrange("params/PaliGemma/img/pos_embedding", "1 p vd -> p vd")`,
		"paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.26.self_attn.v_proj.bias": `rearrange("params/PaliGemma/img/Transformer/encoderblock/MultiHeadDotProductAttention_0/value/bias"[26], "vn vh -> (vn vh)")`,
		"paligemma_with_expert.gemma_expert.model.norm.dense.weight":                                              `rearrange("params/PaliGemma/llm/final_norm_1/Dense_0/kernel", "d m3 -> m3 d")`,
	}
	got := map[string]string{}
	for _, x := range resp.Plan.Tensors {
		if _, ok := want[x.Name]; ok {
			got[x.Name] = plan.String(x.Expr)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPlanIsDeterministic(t *testing.T) {
	m := jaxTree(t, "jax_pi05_lora.json")
	var first string
	for range 3 {
		resp := planOf(t, request(m, "mixed", map[string]any{"alpha": 16.0, "alpha_pattern": map[string]any{"**/q_einsum/w": 1.0, "**/*_einsum_1/w": 2.0}}))
		d, err := plan.Digest(resp.Plan)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = d
		}
		if d != first {
			t.Fatal("two plans of one request differ")
		}
	}
}
