# Llama.
# MaxText checkpoint_conversion/utils/param_mapping.py: LLAMA31_MAXTEXT_TO_HF_PARAM_MAPPING and its hooks.

roots = ["params/params", "params", "base"]

letters = {
  l    = "layers"
  d    = "width"
  n    = "heads"
  g    = "kv heads"
  h    = "head dim"
  half = "rotary pairs"
  f    = "mlp dim"
  v    = "vocabulary"
}

# qwix LoraProvider: the forward adds (x A B) * alpha / rank; neither factor holds the scale.
define "lora_scale" {
  value = alpha / r
}

# Stack axes are added at param_scan_axis to base, bias, A and B alike. Older unscanned
# checkpoints keep the layers in a list, whose elements are named by number.
block "layer" {
  at "decoder/layers" {
    stack = "l"
    when  = !has("decoder/layers/0/**")
  }
  at "decoder/layers_{l}" {}
  at "decoder/layers/{l}" {}
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "v d"
  to     = "v d"
  target = "model.embed_tokens.weight"
}

rule "final_norm" {
  source = "decoder/decoder_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.norm.weight"
}

rule "head" {
  source = "decoder/logits_dense/kernel"
  axes   = "d v"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r v -> d v"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r v -> d v"
    scale  = lora_scale
  }
  to     = "v d"
  target = "lm_head.weight"
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
  target = "model.layers.{l}.self_attn.q_proj.weight"
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
  target = "model.layers.{l}.self_attn.k_proj.weight"
}

rule "value" {
  source = "{layer}/self_attention/value/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g h -> d g h"
    scale  = lora_scale
  }
  to     = "(g h) d"
  target = "model.layers.{l}.self_attn.v_proj.weight"
}

rule "attention_output" {
  source = "{layer}/self_attention/out/kernel"
  axes   = "n h d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "(n h) r, r d -> n h d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "n h r, r d -> n h d"
    scale  = lora_scale
  }
  to     = "d (n h)"
  target = "model.layers.{l}.self_attn.o_proj.weight"
}

rule "mlp_gate" {
  source = "{layer}/mlp/wi_0/kernel"
  axes   = "d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "model.layers.{l}.mlp.gate_proj.weight"
}

rule "mlp_up" {
  source = "{layer}/mlp/wi_1/kernel"
  axes   = "d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "model.layers.{l}.mlp.up_proj.weight"
}

rule "mlp_down" {
  source = "{layer}/mlp/wo/kernel"
  axes   = "f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "f r, r d -> f d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "f r, r d -> f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "model.layers.{l}.mlp.down_proj.weight"
}

rule "attention_norm" {
  source = "{layer}/pre_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{l}.input_layernorm.weight"
}

rule "mlp_norm" {
  source = "{layer}/post_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{l}.post_attention_layernorm.weight"
}

drop "rng" {
  source = "**/rngs/**"
  reason = "state of a random number generator: not part of the model"
}

refuse "unknown_lora" {
  source = "**/*lora*"
  reason = "no row has LoRA on this parameter, so there is no formula that would merge it"
}
