# DeepSeek V3.2: V3 with an indexer beside every layer's attention.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING;
# the indexer is layers/attention_mla.py Indexer.

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
  in = "indexer heads"
  ih = "indexer head dim"
}

# qwix LoraProvider: the forward adds (x A B) * alpha / rank; neither factor holds the scale.
define "lora_scale" {
  value = alpha / r
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

rule "query_a" {
  source = "{layer}/self_attention/wq_a/kernel"
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
  target = "model.layers.{l}.self_attn.q_a_proj.weight"
}

rule "query_norm" {
  source = "{layer}/self_attention/q_norm/scale"
  axes   = "qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r -> qr"
    scale  = lora_scale
  }
  to     = "qr"
  target = "model.layers.{l}.self_attn.q_a_layernorm.weight"
}

rule "query_b" {
  source = "{layer}/self_attention/wq_b/kernel"
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
  target = "model.layers.{l}.self_attn.q_b_proj.weight"
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
  target = "model.layers.{l}.self_attn.kv_a_proj_with_mqa.weight"
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
  target = "model.layers.{l}.self_attn.kv_a_layernorm.weight"
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
  target = "model.layers.{l}.self_attn.kv_b_proj.weight"
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
  target = "model.layers.{l}.self_attn.o_proj.weight"
}

# The indexer scores keys with heads of its own. Its query comes from the same low rank as attention's.
rule "indexer_query" {
  source = "{layer}/self_attention/indexer/wq_b/kernel"
  axes   = "qr in ih"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (in ih) -> qr in ih"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r in ih -> qr in ih"
    scale  = lora_scale
  }
  to     = "(in ih) qr"
  target = "model.layers.{l}.self_attn.indexer.wq_b.weight"
}

rule "indexer_key" {
  source = "{layer}/self_attention/indexer/wk/kernel"
  axes   = "d ih"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r ih -> d ih"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r ih -> d ih"
    scale  = lora_scale
  }
  to     = "ih d"
  target = "model.layers.{l}.self_attn.indexer.wk.weight"
}

rule "indexer_weights" {
  source = "{layer}/self_attention/indexer/weights_proj/kernel"
  axes   = "d in"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r in -> d in"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r in -> d in"
    scale  = lora_scale
  }
  to     = "in d"
  target = "model.layers.{l}.self_attn.indexer.weights_proj.weight"
}

rule "indexer_key_norm" {
  source = "{layer}/self_attention/indexer/k_norm/scale"
  axes   = "ih"
  to     = "ih"
  target = "model.layers.{l}.self_attn.indexer.k_norm.weight"
}

rule "indexer_key_norm_bias" {
  source = "{layer}/self_attention/indexer/k_norm/bias"
  axes   = "ih"
  to     = "ih"
  target = "model.layers.{l}.self_attn.indexer.k_norm.bias"
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
