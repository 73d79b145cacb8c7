# DeepSeek from V2 on: latent attention, dense layers and layers with experts.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING.

letters = {
  d  = "width"
  n  = "heads"
  f  = "mlp dim"
  e  = "experts"
  dl = "dense layers"
  ml = "moe layers"
  c  = "kv rank"
  cr = "kv rank and rotary dim"
  kv = "key and value head dim"
  o  = "value head dim"
  s  = "shared mlp dim"
  m  = "moe mlp dim"
}

# The first layers are dense; each kind counts from 0. Attention and norms are alike in both.
block "dense" {
  at "decoder/dense_layers" { stack = "dl" }
  at "decoder/dense_layers_{dl}" {}
}

block "moe" {
  at "decoder/moe_layers" { stack = "ml" }
  at "decoder/moe_layers_{ml}" {}
}

block "layer" {
  at "decoder/dense_layers" {
    stack = "dl"
    l     = dl
  }
  at "decoder/dense_layers_{dl}" {
    l = dl
  }
  at "decoder/moe_layers" {
    stack = "ml"
    l     = count(dense) + ml
  }
  at "decoder/moe_layers_{ml}" {
    l = count(dense) + ml
  }
}

rule "key_value_a" {
  source = "{layer}/self_attention/wkv_a/kernel"
  axes   = "d cr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r cr -> d cr"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r cr -> d cr"
    scale  = lora_scale
  }
  to     = "cr d"
  target = "{language_model}.layers.{l}.self_attn.kv_a_proj_with_mqa.weight"
}

rule "key_value_norm" {
  source = "{layer}/self_attention/kv_norm/scale"
  axes   = "c"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "c r, r -> c"
    scale  = lora_scale
  }
  to     = "c"
  target = "{language_model}.layers.{l}.self_attn.kv_a_layernorm.weight"
}

rule "key_value_b" {
  source = "{layer}/self_attention/wkv_b/kernel"
  axes   = "c n kv"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "c r, r (n kv) -> c n kv"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "c r, r n kv -> c n kv"
    scale  = lora_scale
  }
  to     = "(n kv) c"
  target = "{language_model}.layers.{l}.self_attn.kv_b_proj.weight"
}

rule "attention_output" {
  source = "{layer}/self_attention/out/kernel"
  axes   = "n o d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "(n o) r, r d -> n o d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "n o r, r d -> n o d"
    scale  = lora_scale
  }
  to     = "d (n o)"
  target = "{language_model}.layers.{l}.self_attn.o_proj.weight"
}

rule "mlp_gate" {
  source = "{dense}/mlp/wi_0/kernel"
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
  target = "{language_model}.layers.{dl}.mlp.gate_proj.weight"
}

rule "mlp_up" {
  source = "{dense}/mlp/wi_1/kernel"
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
  target = "{language_model}.layers.{dl}.mlp.up_proj.weight"
}

rule "mlp_down" {
  source = "{dense}/mlp/wo/kernel"
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
  target = "{language_model}.layers.{dl}.mlp.down_proj.weight"
}

rule "shared_gate" {
  source = "{moe}/DeepSeekMoeBlock_0/shared_experts/wi_0/kernel"
  axes   = "d s"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  to     = "s d"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.shared_experts.gate_proj.weight"
}

rule "shared_up" {
  source = "{moe}/DeepSeekMoeBlock_0/shared_experts/wi_1/kernel"
  axes   = "d s"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  to     = "s d"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.shared_experts.up_proj.weight"
}

rule "shared_down" {
  source = "{moe}/DeepSeekMoeBlock_0/shared_experts/wo/kernel"
  axes   = "s d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "s r, r d -> s d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "s r, r d -> s d"
    scale  = lora_scale
  }
  to     = "d s"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.shared_experts.down_proj.weight"
}

rule "router" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/gate/kernel"
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
  target = "{language_model}.layers.{count(dense) + ml}.mlp.gate.weight"
}

rule "expert_gate" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/wi_0"
  axes   = "e d m"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e m -> e d m"
    scale  = lora_scale
  }
  to     = "m d"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.experts.{e}.gate_proj.weight"
}

rule "expert_up" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/wi_1"
  axes   = "e d m"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e m -> e d m"
    scale  = lora_scale
  }
  to     = "m d"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.experts.{e}.up_proj.weight"
}

rule "expert_down" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/wo"
  axes   = "e m d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e m r, r d -> e m d"
    scale  = lora_scale
  }
  to     = "d m"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.experts.{e}.down_proj.weight"
}
