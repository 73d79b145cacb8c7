# Qwen2.5.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN_MAXTEXT_TO_HF_PARAM_MAPPING.

roots = ["params/params", "params", "base"]

letters = {
  l = "layers"
  d = "width"
  n = "heads"
  g = "kv heads"
  h = "head dim"
  f = "mlp dim"
  v = "vocabulary"
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
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
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
  when   = has("decoder/logits_dense/**")
  source = "decoder/logits_dense/kernel"
  axes   = "d (v + pad)"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (v + pad) -> d (v + pad)"
    scale  = lora_scale
  }
  to     = "v d"
  target = "lm_head.weight"
}

# Where the template lists a head of its own though it is tied, it is the embedding again.
rule "tied_head" {
  when   = tied_head
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  to     = "v d"
  target = "lm_head.weight"
}

rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n h) -> d n h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n h -> d n h"
    scale  = lora_scale
  }
  to     = "(n h) d"
  target = "model.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{layer}/self_attention/key/kernel"
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

rule "query_bias" {
  source = "{layer}/self_attention/query/bias"
  axes   = "n h"
  to     = "(n h)"
  target = "model.layers.{l}.self_attn.q_proj.bias"
}

rule "key_bias" {
  source = "{layer}/self_attention/key/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "model.layers.{l}.self_attn.k_proj.bias"
}

rule "value_bias" {
  source = "{layer}/self_attention/value/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "model.layers.{l}.self_attn.v_proj.bias"
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
