# DeepSeek V2 Lite: queries without a low-rank step.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/embedding", "shared/model", "shared/deepseek", "shared/norms"]

letters = {
  q  = "query head dim"
  qr = "query rank"
}

rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n q"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n q) -> d n q"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n q -> d n q"
    scale  = lora_scale
  }
  to     = "(n q) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}
