# Gemma 2. Each element of the stack holds a local and a global layer: HF layers 2j and 2j+1.
# MaxText checkpoint_conversion/utils/param_mapping.py: GEMMA2_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/gemma"]

letters = {
  j           = "pairs of layers"
  n           = "heads"
  g           = "kv heads"
  h           = "head dim"
  f           = "mlp dim"
  query_scale = "query scale"
}

block "pair" {
  at "decoder/layers" {
    stack = "j"
    when  = !has("decoder/layers/0/**")
  }
  at "decoder/layers_{j}" {}
  at "decoder/layers/{j}" {}
}

capture "kind" {
  shared = true
  value "local" { which = "0" }
  value "global" { which = "1" }
}

# The importer folded 1/sqrt(head dim) into the query, for 27b as well, whose published scale is
# 1/sqrt(144). The source block's query_scale overrides it.
define "query_scale" {
  value = sqrt(h)
}

# The importer folded 1/sqrt(head dim) into the query.
rule "query" {
  source = "{pair}/self_attention_{kind}/query/kernel"
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
  mul    = query_scale
  to     = "(n h) d"
  target = "{language_model}.layers.{2*j + which}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{pair}/self_attention_{kind}/key/kernel"
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
  target = "{language_model}.layers.{2*j + which}.self_attn.k_proj.weight"
}

rule "value" {
  source = "{pair}/self_attention_{kind}/value/kernel"
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
  target = "{language_model}.layers.{2*j + which}.self_attn.v_proj.weight"
}

rule "attention_output" {
  source = "{pair}/self_attention_{kind}/out/kernel"
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
  target = "{language_model}.layers.{2*j + which}.self_attn.o_proj.weight"
}

rule "mlp_gate" {
  source = "{pair}/mlp_{kind}/wi_0/kernel"
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
  target = "{language_model}.layers.{2*j + which}.mlp.gate_proj.weight"
}

rule "mlp_up" {
  source = "{pair}/mlp_{kind}/wi_1/kernel"
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
  target = "{language_model}.layers.{2*j + which}.mlp.up_proj.weight"
}

rule "mlp_down" {
  source = "{pair}/mlp_{kind}/wo/kernel"
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
  target = "{language_model}.layers.{2*j + which}.mlp.down_proj.weight"
}

rule "attention_norm" {
  source = "{pair}/pre_self_attention_norm_{kind}/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -1
  to     = "d"
  target = "{language_model}.layers.{2*j + which}.input_layernorm.weight"
}

rule "post_attention_norm" {
  source = "{pair}/post_self_attention_norm_{kind}/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -1
  to     = "d"
  target = "{language_model}.layers.{2*j + which}.post_attention_layernorm.weight"
}

rule "mlp_norm" {
  source = "{pair}/pre_ffw_norm_{kind}/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -1
  to     = "d"
  target = "{language_model}.layers.{2*j + which}.pre_feedforward_layernorm.weight"
}

rule "post_mlp_norm" {
  source = "{pair}/post_ffw_norm_{kind}/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -1
  to     = "d"
  target = "{language_model}.layers.{2*j + which}.post_feedforward_layernorm.weight"
}
