# Qwen2.5.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/tied", "shared/model", "shared/layer", "shared/attention", "shared/norms", "shared/mlp"]

rule "query_bias" {
  source = "{layer}/self_attention/query/bias"
  axes   = "n h"
  to     = "(n h)"
  target = "{language_model}.layers.{l}.self_attn.q_proj.bias"
}

rule "key_bias" {
  source = "{layer}/self_attention/key/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "{language_model}.layers.{l}.self_attn.k_proj.bias"
}

rule "value_bias" {
  source = "{layer}/self_attention/value/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "{language_model}.layers.{l}.self_attn.v_proj.bias"
}
