# Llama.
# MaxText checkpoint_conversion/utils/param_mapping.py: LLAMA31_MAXTEXT_TO_HF_PARAM_MAPPING and its hooks.

include = ["shared/embedding", "shared/model", "shared/layer", "shared/attention", "shared/norms", "shared/mlp"]

letters = {
  half = "rotary pairs"
}

# Rotary pairs are interleaved here and halves apart there. The importer folded 1/sqrt(head dim)
# into the query.
rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n (half two)"
  size   = { two = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n (half two) -> d n half two"
    scale  = lora_scale
  }
  mul    = sqrt(half * two)
  to     = "(n two half) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{layer}/self_attention/key/kernel"
  axes   = "d g (half two)"
  size   = { two = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g half two) -> d g half two"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g (half two) -> d g half two"
    scale  = lora_scale
  }
  to     = "(g two half) d"
  target = "{language_model}.layers.{l}.self_attn.k_proj.weight"
}
