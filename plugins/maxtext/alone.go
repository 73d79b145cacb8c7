package maxtext

import (
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk/rules"
)

// halvesWidth are families whose config.json may leave head_dim out: their
// configuration classes in transformers then take hidden_size over heads.
var halvesWidth = []string{"llama", "mistral", "mixtral", "qwen2", "olmo3"}

// knownSizes are what an adapter's factors do not tell, since they are flat
// over heads: from the template's config.json, else from the published size of
// the model that the spec names.
func (c *conversion) knownSizes() map[string]rules.Known {
	out := map[string]rules.Known{}
	if p, said := c.published(); said != "" {
		for what, n := range map[string]int{"width": p.width, "heads": p.heads, "kv heads": p.kvHeads, "head dim": p.headDim} {
			out[what] = rules.Known{N: n, From: said}
		}
		if p.nope > 0 {
			delete(out, "head dim")
			out["query head dim"] = rules.Known{N: p.nope + p.rope, From: said}
			out["key and value head dim"] = rules.Known{N: p.nope + p.value, From: said}
			out["value head dim"] = rules.Known{N: p.value, From: said}
		}
		if p.valueHeads > 0 {
			out["value heads"] = rules.Known{N: p.valueHeads, From: said}
			out["value width"] = rules.Known{N: p.valueHeads * p.valueHeadDim, From: said}
		}
	}
	for what, keys := range map[string][]string{
		"width": {"hidden_size"}, "heads": {"num_attention_heads"}, "kv heads": {"num_key_value_heads"}, "head dim": {"head_dim"},
		"kv rank": {"kv_lora_rank"}, "query rank": {"q_lora_rank"}, "value head dim": {"v_head_dim", "linear_value_head_dim"}, "value heads": {"linear_num_value_heads"},
	} {
		if n, key, ok := c.configNumber(keys...); ok && n > 0 {
			out[what] = rules.Known{N: n, From: "the template's " + key}
		}
	}
	if heads, _, ok := c.configNumber("linear_num_value_heads"); ok {
		if n, _, ok := c.configNumber("linear_value_head_dim"); ok {
			out["value width"] = rules.Known{N: heads * n, From: "the template's linear_num_value_heads and linear_value_head_dim"}
		}
	}
	if nope, _, ok := c.configNumber("qk_nope_head_dim"); ok {
		if n, _, ok := c.configNumber("qk_rope_head_dim"); ok {
			out["query head dim"] = rules.Known{N: nope + n, From: "the template's qk_nope_head_dim and qk_rope_head_dim"}
		}
		if n, _, ok := c.configNumber("v_head_dim"); ok {
			out["key and value head dim"] = rules.Known{N: nope + n, From: "the template's qk_nope_head_dim and v_head_dim"}
		}
	}
	width, _, hasWidth := c.configNumber("hidden_size")
	heads, _, hasHeads := c.configNumber("num_attention_heads")
	if _, _, ok := c.configNumber("head_dim"); !ok && hasWidth && hasHeads && heads > 0 && width%heads == 0 && slices.Contains(halvesWidth, c.family.name) {
		out["head dim"] = rules.Known{N: width / heads, From: "the template's hidden_size and num_attention_heads"}
	}
	if k, ok := out["head dim"]; ok && k.N%2 == 0 {
		out["rotary pairs"] = rules.Known{N: k.N / 2, From: k.From}
	}
	return out
}

// knownCounts are how many layers of each kind the whole model has.
func (c *conversion) knownCounts(t *rule.Table) map[string]rules.Known {
	p, said := c.published()
	layers, dense, from := p.layers, p.dense, said
	if n, _, ok := c.configNumber("num_hidden_layers"); ok {
		layers, from = n, "the template"
	}
	if n, _, ok := c.configNumber("first_k_dense_replace"); ok {
		dense, from = n, "the template"
	}
	out := map[string]rules.Known{}
	if layers == 0 {
		return out
	}
	for i := range t.Blocks {
		b := &t.Blocks[i]
		plain := !slices.ContainsFunc(b.Places, func(p rule.Place) bool { return len(p.Let) > 0 })
		switch {
		case b.Name == "layer" && plain:
			out[b.Name] = rules.Known{N: layers, From: from}
		case b.Name == "pair":
			out[b.Name] = rules.Known{N: layers / 2, From: from}
		case b.Name == "dense" && dense > 0:
			out[b.Name] = rules.Known{N: dense, From: from}
		case b.Name == "moe" && dense > 0:
			out[b.Name] = rules.Known{N: layers - dense, From: from}
		}
	}
	return out
}

// vocabularyAlone is vocabulary for an adapter without its base: all that may
// say it is LoRA on the head, padded, and the template.
func (c *conversion) vocabularyAlone() (int, string) {
	rows := 0
	for _, b := range []string{"kernel_lora_b", "lora_b.kernel"} {
		l := c.layouts[0]
		if t := l.params.Lookup(l.root + "decoder/logits_dense/" + b); t != nil && len(t.Shape) == 2 {
			rows = t.Shape[1]
		}
	}
	if n, key, ok := c.configNumber("vocab_size"); ok && n > 0 {
		if rows > 0 && (n > rows || rows-n >= maxPadding) {
			c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "the LoRA on the head of source %q is for %d tokens, the template's %s is %d", c.req.Sources[0].Name, rows, key, n)
		}
		return n, "the template's " + key
	}
	if rows > 0 {
		return rows, "the LoRA on the head; without a template, padding is not told apart"
	}
	return 1, ""
}

// published is the size of the model that the spec names, and what to call it;
// nothing where the name is not one of a published size.
func (c *conversion) published() (size, string) {
	name, _ := c.req.Sources[0].Args["model"].(string)
	if s, ok := published[name]; ok {
		return s, fmt.Sprintf("model %q", name)
	}
	return size{}, ""
}
