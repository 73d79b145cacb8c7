package maxtext

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/sdk"
)

// marks are parts of names that only some families have, most telling first.
// What they do not tell apart is named as a choice.
var marks = []struct {
	part, family string
}{
	{"/Qwen3VLVisionEncoder_0/", "qwen3-vl"},
	{"/Qwen3OmniMoeVisionEncoder_0/", "qwen3-omni"},
	{"/Qwen3OmniAudioEncoder_0/", "qwen3-omni"},
	{"/GptOssAttention/", "gpt-oss"},
	{"/self_attention/indexer/", "deepseek3.2"},
	{"/mhc_attention/", "deepseek4"},
	{"/DeepSeekMoeBlock_0/", "deepseek"},
	{"/Qwen3_5MoeVisionEncoder_0/", "qwen3.5"},
	{"/routed_experts/", "qwen3-next or qwen3.5"},
	{"/pre_self_attention_norm_local/", "gemma2"},
	{"/post_mlp_layer_norm/", "olmo3"},
	{"/layer_scalar", "gemma4"},
	{"/moe_block/", "qwen3-moe, or qwen3-vl or qwen3-omni without its towers"},
	{"/MoeBlock_0/", "mixtral"},
	{"/pre_ffw_norm/", "gemma3"},
	{"/query_norm/", "qwen3, or qwen3-vl without its tower"},
	{"/query/bias", "qwen2.5"},
	{"/mlp/wi_0/kernel", "llama or mistral"},
}

// Guess says which family a tree is, and how it is laid out; ok is false where
// its names are not MaxText's at all. A conversion does not rely on it.
func Guess(m *manifest.Manifest) (model, from string, ok bool) {
	l := readLayout(&sdk.Source{Manifest: m})
	if !l.has("decoder/") {
		return "", "", false
	}
	from = fmt.Sprintf("names below decoder/; %s", holds[l.kind])
	if l.scanned != "" {
		from += "; layers " + l.scanned
	}
	if l.kind == "lora" {
		return "of a LoRA", from, true // few modules: their names do not tell the family
	}
	for _, mark := range marks {
		for _, t := range l.params.Tensors {
			if strings.Contains(t.Name, mark.part) {
				return mark.family, from + "; " + t.Name, true
			}
		}
	}
	return "unknown", from, true
}
