package maxtext

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
)

// layerTypes says of each layer of a model whose layers are not alike what its
// tensors are to measure, as the template's config.json has it.
type layerTypes struct {
	full                   []bool // by layer: attends to all tokens
	heads, kv, head        int
	fullKV, fullHead       int
	mlp, shared            int // shared layers, the last ones, have no keys and values
	doubled, keysAreValues bool
}

// readLayerTypes reads text_config; ok is false where it does not list layers.
func (c *conversion) readLayerTypes() (layerTypes, bool) {
	number := func(key string) int { n, _, _ := c.configNumber(key); return n }
	t := layerTypes{
		heads: number("num_attention_heads"), kv: number("num_key_value_heads"), head: number("head_dim"),
		fullKV: number("num_global_key_value_heads"), fullHead: number("global_head_dim"),
		mlp: number("intermediate_size"), shared: number("num_kv_shared_layers"),
	}
	if t.fullKV == 0 {
		t.fullKV = t.kv
	}
	if t.fullHead == 0 {
		t.fullHead = t.head
	}
	if c.template() == nil {
		return t, false
	}
	text := c.template().Config
	if inner, ok := text["text_config"].(map[string]any); ok {
		text = inner
	}
	t.doubled, t.keysAreValues = text["use_double_wide_mlp"] == true, text["attention_k_eq_v"] == true
	list, _ := text["layer_types"].([]any)
	for _, x := range list {
		t.full = append(t.full, x == "full_attention")
	}
	return t, len(list) > 0
}

// rows returns how many rows a weight of a layer is to have, and from which
// arguments; 0 where the layer is not to have it.
func (t layerTypes) rows(layer int, of string) (int, string) {
	kv, head, kvArg, headArg := t.kv, t.head, "num_key_value_heads", "head_dim"
	if t.full[layer] {
		kv, head, kvArg, headArg = t.fullKV, t.fullHead, "num_global_key_value_heads", "global_head_dim"
	}
	keyed := layer < len(t.full)-t.shared
	switch {
	case of == "mlp.gate_proj" && t.doubled && !keyed:
		return 2 * t.mlp, "intermediate_size, doubled by use_double_wide_mlp"
	case of == "mlp.gate_proj":
		return t.mlp, "intermediate_size"
	case of == "self_attn.q_proj":
		return t.heads * head, "num_attention_heads and " + headArg
	case of == "self_attn.q_norm":
		return head, headArg
	case !keyed:
		return 0, "num_kv_shared_layers"
	case of == "self_attn.k_norm":
		return head, headArg
	case of == "self_attn.v_proj" && t.full[layer] && t.keysAreValues:
		return 0, "attention_k_eq_v"
	}
	return kv * head, kvArg + " and " + headArg
}

var (
	ofLayer = regexp.MustCompile(`^(?:model|model\.language_model)\.layers\.([0-9]+)\.(.+)\.weight$`)
	varied  = []string{"mlp.gate_proj", "self_attn.k_norm", "self_attn.k_proj", "self_attn.q_norm", "self_attn.q_proj", "self_attn.v_proj"}
)

// checkLayerTypes compares, layer by layer, what config.json says of layers
// that are not alike with what would be written.
func (c *conversion) checkLayerTypes(ts []plan.Tensor) {
	want, ok := c.readLayerTypes()
	if !ok || c.family.name != "gemma4" {
		return
	}
	have := make([]map[string]int, len(want.full))
	for _, x := range ts {
		m := ofLayer.FindStringSubmatch(x.Name)
		if m == nil || len(x.Shape) == 0 || !slices.Contains(varied, m[2]) {
			continue
		}
		l, err := strconv.Atoi(m[1])
		if err != nil || l >= len(have) {
			continue // their number is compared elsewhere
		}
		if have[l] == nil {
			have[l] = map[string]int{}
		}
		have[l][m[2]] = x.Shape[0]
	}
	faults := 0
	for l := range have {
		for _, of := range varied {
			n, arg := want.rows(l, of)
			if have[l][of] == n || have[l] == nil {
				continue
			}
			if faults++; faults <= maxNamed {
				c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "%s of layer %d has %d rows (0: it is not there), the template's config.json says %d (%s)", of, l, have[l][of], n, arg)
			}
		}
	}
}
