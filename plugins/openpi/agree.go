package openpi

import (
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk/rules"
)

const layers = "PaliGemma/llm/layers/"

// agree refuses trees that every row can read, and that openpi's models could
// not have written or would not load: the rows look at one module at a time.
func (c *conversion) agree(method string, drops []plan.Drop) {
	c.expertsAgree()
	lora, _ := c.source().Args["lora"].(map[string]any)
	if partial, _ := lora["allow_partial"].(bool); method == "merge" && !partial {
		for _, suffix := range []string{"", "_1"} {
			for _, g := range c.tree.groups(suffix) {
				c.groupAgrees(g)
			}
		}
	}
	c.floats(drops)
}

// group is the modules of one expert that share a LoRAConfig: models/gemma.py
// gives lora_configs["attn"] to every einsum of Attention, and
// lora_configs["ffn"] to FeedForward, which uses it for both its weights. So
// all of them have LoRA of one rank, or none has.
type group struct {
	what    string
	modules []module
}

type module struct{ base, a, b string }

func (t *tree) groups(suffix string) []group {
	attention, forward := group{what: "attention einsums"}, group{what: "feed-forward weights"}
	for _, m := range []string{"q_einsum", "kv_einsum", "qkv_einsum", "attn_vec_einsum"} {
		at := layers + "attn/" + m + suffix
		if t.names[at+"/w"] != nil {
			attention.modules = append(attention.modules, module{at + "/w", at + "/lora_a", at + "/lora_b"})
		}
	}
	for _, m := range []string{"gating_einsum", "linear"} {
		at := layers + "mlp" + suffix + "/" + m
		if t.names[at] != nil {
			forward.modules = append(forward.modules, module{at, at + "_lora_a", at + "_lora_b"})
		}
	}
	return []group{attention, forward}
}

// firstLoRA is the first lora_a of a group, or nil.
func (t *tree) firstLoRA(g group) *manifest.Tensor {
	for _, m := range g.modules {
		if a := t.names[m.a]; a != nil {
			return a
		}
	}
	return nil
}

// groupAgrees refuses a group of which some modules have lost their LoRA, or
// have another rank than the others.
func (c *conversion) groupAgrees(g group) {
	of := map[int][]*manifest.Tensor{} // by rank
	var with *manifest.Tensor          // the first of the commonest rank
	for _, m := range g.modules {
		if a := c.tree.names[m.a]; a != nil {
			of[rank(a)] = append(of[rank(a)], a)
			if same := of[rank(a)]; with == nil || len(same) > len(of[rank(with)]) {
				with = same[0]
			}
		}
	}
	if with == nil {
		return
	}
	const next = "look for a complete save; if the model was trained so, say lora { allow_partial = true } in the source block"
	for _, m := range g.modules {
		a := c.tree.names[m.a]
		if a == nil {
			base := c.tree.names[m.base].Name
			root := strings.TrimSuffix(base, m.base)
			c.disagree("lora-partial", "A part of the LoRA is missing", base,
				"%s and %s are not in source %q, but %s is: one LoRAConfig puts LoRA on all of an expert's %s or on none, so a part of the fine-tuning would be lost; %s",
				root+m.a, root+m.b, c.source().Name, with.Name, g.what, next)
		} else if r, want := rank(a), rank(with); r != want {
			c.disagree("lora-partial", "The ranks of one LoRA differ", a.Name,
				"%s has rank %d, but %s has rank %d: one LoRAConfig gives all of an expert's %s one rank, so factors were cut or mixed up; %s", a.Name, r, with.Name, want, g.what, next)
		}
	}
}

// rank is the last axis of a lora_a, whose shape the rows have checked.
func rank(a *manifest.Tensor) int { return a.Shape[len(a.Shape)-1] }

// expertsAgree compares what models/gemma.py asserts to be equal in both
// experts, since they attend to each other layer by layer.
func (c *conversion) expertsAgree() {
	for _, x := range []struct {
		module string
		axes   map[int]string
	}{
		{"attn_vec_einsum", map[int]string{0: "layers", 1: "heads", 2: "head dim"}},
		{"kv_einsum", map[int]string{2: "kv heads"}},
	} {
		p, q := c.tree.names[layers+"attn/"+x.module+"/w"], c.tree.names[layers+"attn/"+x.module+"_1/w"]
		if p == nil || q == nil {
			continue
		}
		for i := range p.Shape {
			if what := x.axes[i]; what != "" && p.Shape[i] != q.Shape[i] {
				c.disagree(rules.CodeShape, "The experts do not fit together", q.Name,
					"%s has %s = %d, but %s has %d: both experts attend to each other layer by layer and head by head (models/gemma.py asserts it); one of them belongs to another checkpoint, or was cut",
					q.Name, what, q.Shape[i], p.Name, p.Shape[i])
			}
		}
	}
}

// floats refuses integers where openpi's models have floats: they are never
// converted, and what they stand for, such as a quantised weight without its
// scale, no PyTorch model of openpi's can load.
func (c *conversion) floats(drops []plan.Drop) {
	for _, p := range c.source().Manifest.Tensors {
		if p.DType.Kind() == tensor.KindFloat || slices.ContainsFunc(drops, func(d plan.Drop) bool { return d.Name == p.Name }) {
			continue
		}
		c.disagree("not-a-float", "A parameter is not made of floats", p.Name,
			"%s is %s, wanted a float: openpi trains and loads floats, and integers are never converted; save the checkpoint again from the float weights", p.Name, p.DType)
	}
}

func (c *conversion) disagree(code, summary, param, format string, args ...any) {
	c.resp.Diagnostics.Errorf(diag.Keys, code, summary, format, args...).Tensor = param
}
