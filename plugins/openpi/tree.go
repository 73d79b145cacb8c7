package openpi

import (
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
)

// tree is what a manifest tells before any row is looked at.
type tree struct {
	model, modelFrom string // "pi0", "pi05" or "pi0_fast"
	lora             bool   // some parameter is a LoRA factor
	vocabulary       int    // rows of the embedding, 0 if there is none
	actionDim        int    // 0 if there is none
	variant          [2]string
	names            map[string]*manifest.Tensor // without the root "params"
}

// readTree detects the model as models/pi0.py and models/pi0_fast.py build it:
// only pi0.5 has a time MLP of its own and adaptive norms; only pi0-FAST has
// neither action projections nor a second expert. Several parameters vote, so
// that one lost parameter is reported as missing and does not turn the
// checkpoint into another model.
func readTree(m *manifest.Manifest) tree {
	t := tree{names: map[string]*manifest.Tensor{}}
	var adaptive, actions int
	for i := range m.Tensors {
		p := &m.Tensors[i]
		n := strings.TrimPrefix(p.Name, "params/")
		t.names[n] = p
		switch {
		case strings.HasPrefix(n, "time_mlp_"), strings.Contains(n, "norm_1/Dense_0/"):
			adaptive++
		case strings.HasPrefix(n, "action_"), strings.HasPrefix(n, "state_proj/"), strings.HasPrefix(n, "PaliGemma/llm/") && strings.Contains(n, "_1/"):
			actions++
		}
		if last := n[strings.LastIndexByte(n, '/')+1:]; last == "lora_a" || last == "lora_b" ||
			strings.HasSuffix(last, "_lora_a") || strings.HasSuffix(last, "_lora_b") {
			t.lora = true
		}
	}
	switch {
	case adaptive > 0:
		t.model, t.modelFrom = "pi05", count(adaptive, "parameter")+" of the time MLP and adaptive norms"
	case actions > 0:
		t.model, t.modelFrom = "pi0", count(actions, "parameter")+" of an action expert, none of a time MLP"
	default:
		t.model, t.modelFrom = "pi0_fast", "no parameter of an action expert"
	}
	if e := t.names["PaliGemma/llm/embedder/input_embedding"]; e != nil && len(e.Shape) == 2 {
		t.vocabulary = e.Shape[0]
	}
	if a := t.names["action_in_proj/kernel"]; a != nil && len(a.Shape) == 2 {
		t.actionDim = a.Shape[0]
	}
	t.variant = [2]string{t.variantOf(""), t.variantOf("_1")}
	return t
}

// dims are the sizes that a Gemma variant fixes: models/gemma.py get_config.
type dims struct{ width, mlp, depth, heads, kvHeads, headDim int }

var variants = map[dims]string{
	{2048, 16384, 18, 8, 1, 256}: "gemma_2b",
	{1024, 4096, 18, 8, 1, 256}:  "gemma_300m",
	{64, 128, 4, 8, 1, 16}:       "dummy",
}

// variantOf names the variant of an expert, or "" when its sizes are no known
// variant's.
func (t *tree) variantOf(suffix string) string {
	q := t.names["PaliGemma/llm/layers/attn/q_einsum"+suffix+"/w"]
	kv := t.names["PaliGemma/llm/layers/attn/kv_einsum"+suffix+"/w"]
	mlp := t.names["PaliGemma/llm/layers/mlp"+suffix+"/linear"]
	if q == nil || kv == nil || mlp == nil || len(q.Shape) != 4 || len(kv.Shape) != 5 || len(mlp.Shape) != 3 {
		return ""
	}
	return variants[dims{q.Shape[2], mlp.Shape[1], q.Shape[0], q.Shape[1], kv.Shape[2], q.Shape[3]}]
}
