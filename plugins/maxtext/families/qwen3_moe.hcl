# Qwen3, mixture of experts.
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
  e = "experts"
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

rule "query_norm" {
  source = "{layer}/self_attention/query_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "model.layers.{l}.self_attn.q_norm.weight"
}

rule "key_norm" {
  source = "{layer}/self_attention/key_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "model.layers.{l}.self_attn.k_norm.weight"
}

rule "router" {
  source = "{layer}/moe_block/gate/kernel"
  axes   = "d e"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e -> d e"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r e -> d e"
    scale  = lora_scale
  }
  to     = "e d"
  target = "model.layers.{l}.mlp.gate.weight"
}

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
rule "expert_gate" {
  source = "{layer}/moe_block/wi_0"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "model.layers.{l}.mlp.experts.{e}.gate_proj.weight"
}

rule "expert_up" {
  source = "{layer}/moe_block/wi_1"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "model.layers.{l}.mlp.experts.{e}.up_proj.weight"
}

rule "expert_down" {
  source = "{layer}/moe_block/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "model.layers.{l}.mlp.experts.{e}.down_proj.weight"
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
