# OLMo 3.
# MaxText checkpoint_conversion/utils/param_mapping.py: OLMO3_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/padded", "shared/model", "shared/mlp"]

letters = {
  l  = "layers"
  n  = "heads"
  g  = "kv heads"
  h  = "head dim"
  qw = "query width"
  kw = "key width"
}

block "layer" {
  at "decoder/layers/layers_{b}" {
    stack = "j"
    l     = 4*j + b
  }
  at "decoder/layers_{l}" {}
}

rule "query" {
  source = "{layer}/attention/query/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{layer}/attention/key/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.k_proj.weight"
}

rule "value" {
  source = "{layer}/attention/value/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.v_proj.weight"
}

rule "attention_output" {
  source = "{layer}/attention/out/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.o_proj.weight"
}

# Over all heads at once.
rule "query_norm" {
  source = "{layer}/attention/query_norm/scale"
  axes   = "qw"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qw r, r -> qw"
    scale  = lora_scale
  }
  to     = "qw"
  target = "{language_model}.layers.{l}.self_attn.q_norm.weight"
}

rule "key_norm" {
  source = "{layer}/attention/key_norm/scale"
  axes   = "kw"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "kw r, r -> kw"
    scale  = lora_scale
  }
  to     = "kw"
  target = "{language_model}.layers.{l}.self_attn.k_norm.weight"
}

rule "post_attention_norm" {
  source = "{layer}/post_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "{language_model}.layers.{l}.post_attention_layernorm.weight"
}

rule "post_mlp_norm" {
  source = "{layer}/post_mlp_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "{language_model}.layers.{l}.post_feedforward_layernorm.weight"
}
