# DeepSeek V3.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING.

roots = ["params/params", "params", "base"]

letters = {
  d  = "width"
  n  = "heads"
  f  = "mlp dim"
  v  = "vocabulary"
  e  = "experts"
  dl = "dense layers"
  ml = "moe layers"
  c  = "kv rank"
  cr = "kv rank and rotary dim"
  q  = "query head dim"
  kv = "key and value head dim"
  o  = "value head dim"
  s  = "shared mlp dim"
  qr = "query rank"
  m  = "moe mlp dim"
}

# qwix LoraProvider: the forward adds (x A B) * alpha / rank; neither factor holds the scale.
define "lora_scale" {
  value = alpha / r
}

# The first layers are dense; each kind counts from 0.
block "dense" {
  at "decoder/dense_layers" { stack = "dl" }
  at "decoder/dense_layers_{dl}" {}
}

block "moe" {
  at "decoder/moe_layers" { stack = "ml" }
  at "decoder/moe_layers_{ml}" {}
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

rule "dense_query_a" {
  source = "{dense}/self_attention/wq_a/kernel"
  axes   = "d qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  to     = "qr d"
  target = "model.layers.{dl}.self_attn.q_a_proj.weight"
}

rule "dense_query_norm" {
  source = "{dense}/self_attention/q_norm/scale"
  axes   = "qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r -> qr"
    scale  = lora_scale
  }
  to     = "qr"
  target = "model.layers.{dl}.self_attn.q_a_layernorm.weight"
}

rule "dense_query_b" {
  source = "{dense}/self_attention/wq_b/kernel"
  axes   = "qr n q"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (n q) -> qr n q"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r n q -> qr n q"
    scale  = lora_scale
  }
  to     = "(n q) qr"
  target = "model.layers.{dl}.self_attn.q_b_proj.weight"
}

rule "dense_key_value_a" {
  source = "{dense}/self_attention/wkv_a/kernel"
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
  target = "model.layers.{dl}.self_attn.kv_a_proj_with_mqa.weight"
}

rule "dense_key_value_norm" {
  source = "{dense}/self_attention/kv_norm/scale"
  axes   = "c"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "c r, r -> c"
    scale  = lora_scale
  }
  to     = "c"
  target = "model.layers.{dl}.self_attn.kv_a_layernorm.weight"
}

rule "dense_key_value_b" {
  source = "{dense}/self_attention/wkv_b/kernel"
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
  target = "model.layers.{dl}.self_attn.kv_b_proj.weight"
}

rule "dense_attention_output" {
  source = "{dense}/self_attention/out/kernel"
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
  target = "model.layers.{dl}.self_attn.o_proj.weight"
}

rule "dense_attention_norm" {
  source = "{dense}/pre_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{dl}.input_layernorm.weight"
}

rule "dense_mlp_norm" {
  source = "{dense}/post_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{dl}.post_attention_layernorm.weight"
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
  target = "model.layers.{dl}.mlp.gate_proj.weight"
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
  target = "model.layers.{dl}.mlp.up_proj.weight"
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
  target = "model.layers.{dl}.mlp.down_proj.weight"
}

rule "moe_query_a" {
  source = "{moe}/self_attention/wq_a/kernel"
  axes   = "d qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  to     = "qr d"
  target = "model.layers.{count(dense) + ml}.self_attn.q_a_proj.weight"
}

rule "moe_query_norm" {
  source = "{moe}/self_attention/q_norm/scale"
  axes   = "qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r -> qr"
    scale  = lora_scale
  }
  to     = "qr"
  target = "model.layers.{count(dense) + ml}.self_attn.q_a_layernorm.weight"
}

rule "moe_query_b" {
  source = "{moe}/self_attention/wq_b/kernel"
  axes   = "qr n q"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (n q) -> qr n q"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r n q -> qr n q"
    scale  = lora_scale
  }
  to     = "(n q) qr"
  target = "model.layers.{count(dense) + ml}.self_attn.q_b_proj.weight"
}

rule "moe_key_value_a" {
  source = "{moe}/self_attention/wkv_a/kernel"
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
  target = "model.layers.{count(dense) + ml}.self_attn.kv_a_proj_with_mqa.weight"
}

rule "moe_key_value_norm" {
  source = "{moe}/self_attention/kv_norm/scale"
  axes   = "c"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "c r, r -> c"
    scale  = lora_scale
  }
  to     = "c"
  target = "model.layers.{count(dense) + ml}.self_attn.kv_a_layernorm.weight"
}

rule "moe_key_value_b" {
  source = "{moe}/self_attention/wkv_b/kernel"
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
  target = "model.layers.{count(dense) + ml}.self_attn.kv_b_proj.weight"
}

rule "moe_attention_output" {
  source = "{moe}/self_attention/out/kernel"
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
  target = "model.layers.{count(dense) + ml}.self_attn.o_proj.weight"
}

rule "moe_attention_norm" {
  source = "{moe}/pre_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{count(dense) + ml}.input_layernorm.weight"
}

rule "moe_mlp_norm" {
  source = "{moe}/post_self_attention_layer_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "model.layers.{count(dense) + ml}.post_attention_layernorm.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.shared_experts.gate_proj.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.shared_experts.up_proj.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.shared_experts.down_proj.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.gate.weight"
}

rule "router_bias" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/gate/bias"
  axes   = "e"
  to     = "e"
  target = "model.layers.{count(dense) + ml}.mlp.gate.e_score_correction_bias"
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
  target = "model.layers.{count(dense) + ml}.mlp.experts.{e}.gate_proj.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.experts.{e}.up_proj.weight"
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
  target = "model.layers.{count(dense) + ml}.mlp.experts.{e}.down_proj.weight"
}

drop "rng" {
  source = "**/rngs/**"
  reason = "state of a random number generator: not part of the model"
}

refuse "unknown_lora" {
  source = "**/*lora*"
  reason = "no row has LoRA on this parameter, so there is no formula that would merge it"
}
