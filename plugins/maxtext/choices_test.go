package maxtext

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
	"github.com/loraconv/loraconv/sdk"
)

// smallPlan plans a small model of a table, changed first.
func smallPlan(t *testing.T, name string, change func(*sdk.PlanRequest)) *sdk.PlanResponse {
	t.Helper()
	_, req := mappingtest.ReadSmall(t, "testdata/mapping", name)
	change(&req)
	req.Sources[0].Manifest.Sort()
	resp, err := Converter{}.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Plan != nil {
		resp.Diagnostics.Append(plan.Check(resp.Plan, plan.Manifests{"base": req.Sources[0].Manifest}))
	}
	return resp
}

func factOf(resp *sdk.PlanResponse, name string) string {
	for _, f := range resp.Plan.Facts {
		if f.Name == name {
			return f.Value + ", " + f.From
		}
	}
	return ""
}

func lineOf(t *testing.T, resp *sdk.PlanResponse, target string) string {
	t.Helper()
	for _, x := range resp.Plan.Tensors {
		if x.Name == target {
			return plan.String(x.Expr)
		}
	}
	t.Fatalf("%s is not planned", target)
	return ""
}

// Factors that the importer folded in are printed, and the source block may say
// others, where the model has such a factor.
func TestChoices(t *testing.T) {
	const embedding, norm = "model.language_model.embed_tokens.weight", "model.language_model.layers.0.input_layernorm.weight"
	for _, c := range []struct {
		table, arg          string
		value               float64
		fact, want          string
		target, with, wrong string // part of the line, or of the refusal
	}{
		{"gemma3-4b.unscan", "", 0, "embedding scale", "4.59375, embedding_scale = bf16(sqrt(d))", embedding, "div = 4.59375", ""},
		{"gemma3-4b.unscan", "embedding_scale", 4.5, "embedding scale", "4.5, as given", embedding, "div = 4.5", ""},
		{"gemma4-31b.unscan", "", 0, "norm offset", "0, norm_offset = 0", norm, `"params/params/decoder/layers_0/pre_self_attention_norm/scale"`, ""},
		{"gemma4-31b.unscan", "norm_offset", 1, "norm offset", "1, as given", norm, "add = -1", ""},
		{"gemma4-31b.unscan", "norm_offset", 2, "", "", "", "", "wanted 0 or 1"},
		{"gemma3-4b.unscan", "embedding_scale", -1, "", "", "", "", "wanted a positive number"},
		{"gemma3-4b.unscan", "norm_offset", 1, "", "", "", "", "the table of gemma3 has no choice there"},
		{"llama3.1-8b.scan", "query_scale", 2, "", "", "", "", "the table of llama has no choice there"},
	} {
		t.Run(fmt.Sprint(c.table, c.arg, c.value), func(t *testing.T) {
			resp := smallPlan(t, c.table, func(r *sdk.PlanRequest) {
				if c.arg != "" {
					r.Sources[0].Args[c.arg] = c.value
				}
			})
			if c.wrong != "" {
				if !strings.Contains(resp.Diagnostics.Error(), c.wrong) {
					t.Errorf("%v, wanted %q", resp.Diagnostics, c.wrong)
				}
				return
			}
			if resp.Diagnostics.HasErrors() {
				t.Fatal(resp.Diagnostics)
			}
			if got := factOf(resp, c.fact); got != c.want {
				t.Errorf("%s is %q, wanted %q", c.fact, got, c.want)
			}
			if got := lineOf(t, resp, c.target); !strings.Contains(got, c.with) {
				t.Errorf("%s, wanted %q in it", got, c.with)
			}
		})
	}
}

// Without a template and without a published model, linear attention cannot be
// taken apart.
func TestLinearHeadsUnknown(t *testing.T) {
	resp := smallPlan(t, "qwen3.5-35b-a3b.unscan", func(r *sdk.PlanRequest) {
		r.Output.Template, r.Output.Args["template"] = nil, "none"
		r.Sources[0].Args["model"] = "qwen3.5-tiny"
	})
	if !slices.ContainsFunc(resp.Diagnostics, func(d *diag.Diagnostic) bool { return d.Code == "size-unknown" }) || resp.Plan != nil {
		t.Errorf("%v", resp.Diagnostics)
	}
}

// Until July 2026 each of Gemma 4's six was a stack of its own.
func TestGemma4StackedBefore(t *testing.T) {
	layer := regexp.MustCompile(`^params/params/decoder/layers_([0-9]+)/`)
	want := map[string]string{}
	resp := smallPlan(t, "gemma4-31b.unscan", func(r *sdk.PlanRequest) {
		m := &manifest.Manifest{}
		seen := map[string]bool{}
		for _, x := range r.Sources[0].Manifest.Tensors {
			sub := layer.FindStringSubmatch(x.Name)
			if sub == nil {
				m.Tensors = append(m.Tensors, x)
				continue
			}
			var l int
			fmt.Sscan(sub[1], &l)
			name := layer.ReplaceAllString(x.Name, fmt.Sprintf("params/params/decoder/scanned_blocks/layers_%d/", l%6))
			want[x.Name] = fmt.Sprintf("%q[:, %d]", name, l/6)
			if !seen[name] {
				seen[name] = true
				shape := append(append(tensor.Shape{}, x.Shape[:1]...), 10)
				m.Tensors = append(m.Tensors, manifest.Tensor{Name: name, DType: x.DType, Shape: append(shape, x.Shape[1:]...)})
			}
		}
		r.Sources[0].Manifest = m
	})
	if resp.Diagnostics.HasErrors() {
		t.Fatal(resp.Diagnostics)
	}
	apart := smallPlan(t, "gemma4-31b.unscan", func(*sdk.PlanRequest) {})
	if len(apart.Plan.Tensors) != len(resp.Plan.Tensors) || len(want) < 700 {
		t.Fatalf("%d targets, %d where layers are apart", len(resp.Plan.Tensors), len(apart.Plan.Tensors))
	}
	quoted := regexp.MustCompile(`"params/params/decoder/layers_[^"]*"`)
	for _, x := range apart.Plan.Tensors {
		line := quoted.ReplaceAllStringFunc(plan.String(x.Expr), func(s string) string { return want[strings.Trim(s, `"`)] })
		if got := lineOf(t, resp, x.Name); got != line {
			t.Errorf("%s is %s, wanted %s", x.Name, got, line)
		}
	}
}

// What the small models' tower has for a step that they do not take is dropped
// with the reason; what has no target is refused by name.
func TestGemma4Leftovers(t *testing.T) {
	add := func(r *sdk.PlanRequest, name string, shape ...int) {
		m := r.Sources[0].Manifest
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: "params/params/" + name, DType: tensor.BFloat16, Shape: shape})
	}
	resp := smallPlan(t, "gemma4-e2b.unscan", func(r *sdk.PlanRequest) {
		add(r, "vision_encoder/Gemma4VisionEncoderLayer_0/std_scale", 12)
		add(r, "vision_encoder/Gemma4VisionEncoderLayer_0/std_bias", 12)
	})
	if resp.Diagnostics.HasErrors() {
		t.Fatal(resp.Diagnostics)
	}
	dropped := 0
	for _, d := range resp.Plan.Drops {
		if strings.Contains(d.Name, "/std_") && strings.Contains(d.Reason, "do not standardize") {
			dropped++
		}
	}
	if dropped != 2 {
		t.Errorf("drops: %v", resp.Plan.Drops)
	}
	for name, says := range map[string]string{
		"decoder/layers_0/self_attention/value_norm/scale":           "the target's norm of values has no scale",
		"decoder/layers_remainder/local_layers/layer_scalar":         "do not fill a block of six",
		"vision_encoder/Gemma4VisionEncoderLayer_0/mystery/kernel":   "used by nothing",
		"decoder/layers_20/self_attention/key/kernel":                "decoder/layers_20/self_attention/value/kernel is not in source",
		"decoder/per_layer_embedder/per_layer_model_projection/bias": "used by nothing",
	} {
		resp := smallPlan(t, "gemma4-e2b.unscan", func(r *sdk.PlanRequest) { add(r, name, 6) })
		if !strings.Contains(resp.Diagnostics.Error(), says) {
			t.Errorf("%s: %v, wanted %q", name, resp.Diagnostics, says)
		}
	}
}

// kinds are layer_types: every so many layers attend to all.
func kinds(n, cycle int) []any {
	var out []any
	for l := range n {
		if l%cycle == cycle-1 {
			out = append(out, "full_attention")
		} else {
			out = append(out, "sliding_attention")
		}
	}
	return out
}

// e4b has no table: it is e2b with 42 layers, of which each sixth is global and
// the last 18 share keys and values, and one width of MLP.
func TestGemma4E4B(t *testing.T) {
	layer := regexp.MustCompile(`^params/params/decoder/layers_([0-9]+)/`)
	resp := smallPlan(t, "gemma4-e2b.unscan", func(r *sdk.PlanRequest) {
		like := map[string][]manifest.Tensor{}
		m := &manifest.Manifest{}
		for _, x := range r.Sources[0].Manifest.Tensors {
			if sub := layer.FindStringSubmatch(x.Name); sub != nil {
				like[sub[1]] = append(like[sub[1]], x)
				continue
			}
			for i, n := range x.Shape {
				if n == 35*3 {
					x.Shape[i] = 42 * 3
				}
			}
			m.Tensors = append(m.Tensors, x)
		}
		for l := range 42 {
			of := map[[2]bool]string{{false, false}: "0", {true, false}: "4", {false, true}: "15", {true, true}: "19"}[[2]bool{l%6 == 5, l >= 24}]
			for _, x := range like[of] {
				x.Shape = slices.Clone(x.Shape)
				for i, n := range x.Shape {
					if strings.Contains(x.Name, "/mlp/") && n == 14 {
						x.Shape[i] = 7
					}
				}
				x.Name = layer.ReplaceAllString(x.Name, fmt.Sprintf("params/params/decoder/layers_%d/", l))
				m.Tensors = append(m.Tensors, x)
			}
		}
		r.Sources[0].Manifest, r.Sources[0].Args["model"] = m, "gemma4-e4b"
		r.Output.Args["template"], r.Output.Template = "the model's repository", &sdk.Template{Config: map[string]any{"model_type": "gemma4", "text_config": map[string]any{
			"hidden_size": 21.0, "num_attention_heads": 4.0, "num_key_value_heads": 2.0, "head_dim": 6.0, "global_head_dim": 8.0, "num_global_key_value_heads": 3.0,
			"intermediate_size": 7.0, "num_kv_shared_layers": 18.0, "num_hidden_layers": 42.0, "layer_types": kinds(42, 6),
		}}}
	})
	if resp.Diagnostics.HasErrors() {
		t.Fatal(resp.Diagnostics)
	}
	text := 0
	for _, x := range resp.Plan.Tensors {
		if strings.HasPrefix(x.Name, "model.language_model.layers.") {
			text++
		}
	}
	if want := 24*17 + 18*14; text != want { // k, v and k_norm are not in the last 18
		t.Errorf("%d tensors of layers, wanted %d", text, want)
	}
}

// What config.json says of layers that are not alike is compared layer by
// layer.
func TestLayerTypes(t *testing.T) {
	e2b := func() map[string]any {
		return map[string]any{
			"hidden_size": 21.0, "num_attention_heads": 4.0, "num_key_value_heads": 2.0, "head_dim": 6.0, "global_head_dim": 8.0, "num_global_key_value_heads": 3.0,
			"intermediate_size": 7.0, "use_double_wide_mlp": true, "num_kv_shared_layers": 20.0, "num_hidden_layers": 35.0, "layer_types": kinds(35, 5),
		}
	}
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		wrong  string
	}{
		{"right", func(map[string]any) {}, ""},
		{"another cycle", func(m map[string]any) { m["layer_types"] = kinds(35, 6) }, "self_attn.q_proj of layer 4 has 32 rows (0: it is not there), the template's config.json says 24 (num_attention_heads and head_dim)"},
		{"fewer shared", func(m map[string]any) { m["num_kv_shared_layers"] = 19.0 }, "self_attn.k_proj of layer 15 has 0 rows (0: it is not there), the template's config.json says 12 (num_key_value_heads and head_dim)"},
		{"not doubled", func(m map[string]any) { m["use_double_wide_mlp"] = false }, "mlp.gate_proj of layer 15 has 14 rows (0: it is not there), the template's config.json says 7 (intermediate_size)"},
		{"values are keys", func(m map[string]any) { m["attention_k_eq_v"] = true }, "self_attn.v_proj of layer 4 has 24 rows (0: it is not there), the template's config.json says 0 (attention_k_eq_v)"},
		{"global heads", func(m map[string]any) { m["global_head_dim"] = 6.0 }, "self_attn.q_norm of layer 4 has 8 rows (0: it is not there), the template's config.json says 6 (global_head_dim)"},
		{"layers", func(m map[string]any) { m["num_hidden_layers"] = 34.0 }, "the checkpoint has 35 layers, the template's config.json has num_hidden_layers 34"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := smallPlan(t, "gemma4-e2b.unscan", func(r *sdk.PlanRequest) {
				text := e2b()
				c.change(text)
				r.Output.Args["template"], r.Output.Template = "the model's repository", &sdk.Template{Config: map[string]any{"model_type": "gemma4", "text_config": text}}
			})
			got := ""
			if resp.Diagnostics.HasErrors() {
				got = resp.Diagnostics.Error()
			}
			if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
				t.Errorf("%s\nwanted %s", got, c.wrong)
			}
		})
	}
}

// Names alone tell a family from the others, or say between which they cannot.
func TestGuess(t *testing.T) {
	for table, want := range map[string]string{
		"gemma2-2b.scan": "gemma2", "gemma3-4b.scan": "gemma3", "gemma3-4b.unscan": "gemma3", "gemma4-26b.scan": "gemma4", "gemma4-31b.unscan": "gemma4", "gemma4-e2b.unscan": "gemma4",
		"qwen3.5-35b-a3b.scan": "qwen3.5", "qwen3.5-35b-a3b.unscan": "qwen3.5", "qwen3-next-80b-a3b.scan": "qwen3-next or qwen3.5", "mixtral-8x7b.scan": "mixtral",
	} {
		_, req := mappingtest.ReadSmall(t, "testdata/mapping", table)
		if got, from, ok := Guess(req.Sources[0].Manifest); !ok || got != want {
			t.Errorf("%s: %q, %s; wanted %q", table, got, from, want)
		}
	}
}

// An adapter without its base gives the lines that it gives with it, where the
// template says what no factor tells; Gemma 4's layers nothing says whole.
func TestLinearAttentionAlone(t *testing.T) {
	lora := func(r *sdk.PlanRequest) *manifest.Manifest {
		m := &manifest.Manifest{}
		for _, x := range r.Sources[0].Manifest.Tensors {
			if name, ok := strings.CutPrefix(x.Name, "params/params/"); ok && regexp.MustCompile(`/(in_proj_qkvz|in_proj_ba|query|value)/kernel$`).MatchString(name) && strings.HasPrefix(name, "decoder/") {
				in, rest := x.Shape[0], x.Shape[1:].Elements()
				m.Tensors = append(m.Tensors, manifest.Tensor{Name: name + "_lora_a", Shape: tensor.Shape{in, 2}}, manifest.Tensor{Name: name + "_lora_b", Shape: tensor.Shape{2, rest}})
			}
		}
		m.Sort()
		return m
	}
	adapter := func(r *sdk.PlanRequest) {
		r.Method, r.Output.Format = "adapter", "peft"
		text := r.Output.Template.Config["text_config"].(map[string]any)
		for k, n := range map[string]float64{"hidden_size": 21, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "linear_num_value_heads": 4, "linear_value_head_dim": 5, "num_hidden_layers": 40} {
			text[k] = n
		}
	}
	args := map[string]any{"model": "qwen3.5-35b-a3b", "lora": map[string]any{"alpha": 4.0}}
	both := smallPlan(t, "qwen3.5-35b-a3b.unscan", func(r *sdk.PlanRequest) {
		adapter(r)
		r.Sources = append(r.Sources, sdk.Source{Name: "ft", Role: "adapter", Weight: 1, Args: args, Manifest: lora(r)})
	})
	alone := smallPlan(t, "qwen3.5-35b-a3b.unscan", func(r *sdk.PlanRequest) {
		adapter(r)
		r.Sources = []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Args: args, Manifest: lora(r)}}
	})
	if both.Plan == nil || alone.Plan == nil || len(alone.Plan.Tensors) != 2*(30*4+10*2) {
		t.Fatalf("%v\n%v", both.Diagnostics, alone.Diagnostics)
	}
	lines := func(r *sdk.PlanResponse) (out []string) {
		for _, x := range r.Plan.Tensors {
			out = append(out, fmt.Sprint(x.Name, x.Shape, plan.String(x.Expr)))
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(lines(both), lines(alone)); d != "" {
		t.Error(d)
	}
	resp := smallPlan(t, "gemma4-26b.unscan", func(r *sdk.PlanRequest) {
		r.Method, r.Output.Format = "adapter", "peft"
		r.Sources = []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Args: map[string]any{"model": "gemma4-26b", "lora": map[string]any{"alpha": 4.0}}, Manifest: lora(r)}}
	})
	if resp.Plan != nil || !strings.Contains(resp.Diagnostics.Error(), "name the base model as source, and this checkpoint in adapters") {
		t.Error(resp.Diagnostics)
	}
}

// A template whose queries are scaled by another number than the head dimension
// is warned of, unless the source block says the scale.
func TestQueryScaleWarning(t *testing.T) {
	for _, c := range []struct {
		scalar float64
		said   bool
		want   string
	}{
		{256, false, ""},
		{144, false, "query_scale = sqrt(144) = 12 in the source block"},
		{144, true, ""},
	} {
		c2 := &conversion{resp: &sdk.PlanResponse{}, family: &family{name: "gemma2"}, req: sdk.PlanRequest{
			Sources: []sdk.Source{{Name: "base", Args: map[string]any{}}},
			Output:  sdk.Output{Template: &sdk.Template{Config: map[string]any{"query_pre_attn_scalar": c.scalar, "head_dim": 256.0}}},
		}}
		if c.said {
			c2.req.Sources[0].Args["query_scale"] = 12.0
		}
		table, err := c2.family.table()
		if err != nil {
			t.Fatal(err)
		}
		c2.settleChoices(table, &hidden{values: map[string]cty.Value{}})
		got := ""
		for _, d := range c2.resp.Diagnostics {
			got += d.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%v, said %v: %q, wanted %q", c.scalar, c.said, got, c.want)
		}
	}
}

// A template of another model is told from every size, and each time in the
// same order.
func TestOtherSizesInOneOrder(t *testing.T) {
	other := map[string]any{"model_type": "llama", "hidden_size": 1.0, "num_attention_heads": 1.0, "num_key_value_heads": 1.0, "head_dim": 1.0, "intermediate_size": 1.0}
	var first []string
	for range 8 {
		resp := smallPlan(t, "llama3.1-8b.unscan", func(r *sdk.PlanRequest) { r.Output.Template = &sdk.Template{Config: other} })
		var said []string
		for _, d := range resp.Diagnostics {
			said = append(said, d.Detail)
		}
		if first == nil {
			first = said
		}
		if d := cmp.Diff(first, said); d != "" || len(said) != 5 {
			t.Fatalf("%d faults, wanted 5, in the order of the first time:\n%s", len(said), d)
		}
	}
}

// More rows than padding explains are another model's.
func TestPaddingIsBounded(t *testing.T) {
	resp := smallPlan(t, "qwen3-0.6b.unscan", func(r *sdk.PlanRequest) {
		r.Sources[0].Manifest.Lookup("params/params/token_embedder/embedding").Shape[0] = 1000
		r.Output.Template = &sdk.Template{Config: map[string]any{"model_type": "qwen3", "vocab_size": 744.0}}
	})
	if err := resp.Diagnostics.Error(); !strings.Contains(err, "has 1000 rows, the template's vocab_size is 744") {
		t.Error(err)
	}
}

// Another framework's checkpoint is called that, as base and as adapter, before
// its shapes are compared with anything.
func TestNotMaxText(t *testing.T) {
	other := &manifest.Manifest{Format: "orbax", Tensors: []manifest.Tensor{{Name: "params/PaliGemma/llm/layers/attn/q_einsum/w", DType: tensor.Float32, Shape: tensor.Shape{2, 4, 32, 8}}}}
	for _, c := range []struct {
		name   string
		change func(*sdk.PlanRequest)
		want   string
	}{
		{"base", func(r *sdk.PlanRequest) { r.Sources[0].Manifest = other }, `no parameter of source "base" is below decoder/, as all of a MaxText model's layers are; the first of its 1 is params/PaliGemma/llm/layers/attn/q_einsum/w; name the step directory, or the item of it that holds the model`},
		{"adapter", func(r *sdk.PlanRequest) { r.Sources = append(r.Sources, sdk.Source{Name: "lora", Manifest: other}) }, `no parameter of source "lora" is below decoder/`},
		{"nothing", func(r *sdk.PlanRequest) { r.Sources[0].Manifest = &manifest.Manifest{Format: "orbax"} }, "it is empty"},
		{"converted already", func(r *sdk.PlanRequest) {
			r.Sources[0].Manifest = &manifest.Manifest{Format: "safetensors", Tensors: []manifest.Tensor{{Name: "model.embed_tokens.weight", DType: tensor.Float32, Shape: tensor.Shape{2, 2}}}}
		}, "this is no Orbax checkpoint; name the one that MaxText saved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := smallPlan(t, "llama3.1-8b.scan", c.change)
			if resp.Plan != nil || len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Code != "not-maxtext" || resp.Diagnostics[0].Class != diag.Keys || !strings.Contains(resp.Diagnostics[0].Detail, c.want) {
				t.Errorf("%v\nwanted %s", resp.Diagnostics, c.want)
			}
		})
	}
}
