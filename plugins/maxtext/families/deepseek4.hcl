# DeepSeek V4: compressed attention and hyper-connections, experts in every layer.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEKV4_MAXTEXT_TO_HF_PARAM_MAPPING; shapes
# from layers/attention_compressed.py, layers/mhc.py and models/deepseek4.py.

include = ["shared/embedding", "shared/model", "shared/norms", "shared/query_a"]
roots   = ["params/params + params/MoEBiasVar + params/Tid2EidVar + nnx_aux/model", "params", "base"]

letters = {
  l  = "layers"
  n  = "heads"
  g  = "kv heads"
  h  = "head dim"
  e  = "experts"
  f  = "moe mlp dim"
  s  = "shared mlp dim"
  o  = "output groups"
  i  = "width of an output group"
  a  = "output rank"
  k  = "streams"
  x  = "experts of a token"
  cs = "tokens in one, sparse"
  ch = "tokens in one, heavy"
  in = "indexer heads"
  ih = "indexer head dim"
}

# Three layers come first, which route by a table of tokens; then pairs. From the third layer on,
# layers with an even number compress 4 tokens into one (sparse), those with an odd number 128 (heavy).
block "layer" {
  at "decoder/layers_{l}" {
    by_token = l < 3 ? 1 : 0
    sparse   = l >= 2 && l % 2 == 0 ? 1 : 0
    heavy    = l >= 2 && l % 2 == 1 ? 1 : 0
  }
  at "decoder/scanned_blocks/layers_{b}" {
    stack    = "j"
    l        = 2*j + b + 3
    by_token = 0
    sparse   = b == 1 ? 1 : 0
    heavy    = b == 0 ? 1 : 0
  }
}

# Before pairs stand exactly three.
block "prefix" {
  count = has("decoder/scanned_blocks/**") ? 3 : count(layer)
  at "decoder/layers_{p}" {}
}

# NNX stacks what is no parameter along the first axis, wherever it stacks parameters.
block "variable" {
  count = count(layer)
  at "decoder/layers_{l}" {
    by_token = l < 3 ? 1 : 0
  }
  at "decoder/scanned_blocks/layers_{b}" {
    stack    = "j"
    axis     = variable_axis
    l        = 2*j + b + 3
    by_token = 0
  }
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
  target = "head.weight"
}

# The streams that hyper-connections keep are brought together before the final norm.
rule "final_connection" {
  source = "decoder/hc_head/hc_fn"
  axes   = "(k d) k1"
  to     = "k1 (k d)"
  target = "{language_model}.hc_head.hc_fn"
}

rule "final_connection_base" {
  source = "decoder/hc_head/hc_base"
  axes   = "k1"
  to     = "k1"
  target = "{language_model}.hc_head.hc_base"
}

rule "final_connection_scale" {
  source = "decoder/hc_head/hc_scale"
  axes   = "1"
  to     = "1"
  target = "{language_model}.hc_head.hc_scale"
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
  target = "{language_model}.layers.{l}.self_attn.q_a_norm.weight"
}

rule "query_b" {
  source = "{layer}/self_attention/wq_b/kernel"
  axes   = "qr n h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (n h) -> qr n h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r n h -> qr n h"
    scale  = lora_scale
  }
  to     = "(n h) qr"
  target = "{language_model}.layers.{l}.self_attn.q_b_proj.weight"
}

# One projection is key and value at once.
rule "key_value" {
  source = "{layer}/self_attention/wkv/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.kv_proj.weight"
}

rule "key_value_norm" {
  source = "{layer}/self_attention/kv_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.kv_norm.weight"
}

rule "sinks" {
  source = "{layer}/self_attention/sinks"
  axes   = "n"
  to     = "n"
  target = "{language_model}.layers.{l}.self_attn.sinks"
}

# Heads are brought down in groups, then all of them together. LoRA on the groups has no known form.
rule "output_a" {
  source = "{layer}/self_attention/o_a_proj/kernel"
  axes   = "o i a"
  to     = "(o a) i"
  target = "{language_model}.layers.{l}.self_attn.o_a_proj.weight"
}

rule "output_b" {
  source = "{layer}/self_attention/o_b_proj/kernel"
  axes   = "(o a) d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "(o a) r, r d -> (o a) d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "(o a) r, r d -> (o a) d"
    scale  = lora_scale
  }
  to     = "d (o a)"
  target = "{language_model}.layers.{l}.self_attn.o_b_proj.weight"
}

# Sparse compression looks at two windows, so that it has two of everything.
rule "sparse_key_value" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/kv_proj/kernel"
  axes   = "d (c1 h)"
  size   = { c1 = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (c1 h) -> d (c1 h)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (c1 h) -> d (c1 h)"
    scale  = lora_scale
  }
  to     = "(c1 h) d"
  target = "{language_model}.layers.{l}.self_attn.compressor.kv_proj.weight"
}

rule "sparse_gate" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/gate_proj/kernel"
  axes   = "d (c1 h)"
  size   = { c1 = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (c1 h) -> d (c1 h)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (c1 h) -> d (c1 h)"
    scale  = lora_scale
  }
  to     = "(c1 h) d"
  target = "{language_model}.layers.{l}.self_attn.compressor.gate_proj.weight"
}

rule "sparse_positions" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/position_bias"
  axes   = "cs (c1 h)"
  size   = { c1 = 2 }
  to     = "cs (c1 h)"
  target = "{language_model}.layers.{l}.self_attn.compressor.position_bias"
}

rule "sparse_norm" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/kv_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.compressor.kv_norm.weight"
}

# The indexer chooses which of the compressed tokens are looked at.
rule "indexer_query" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/q_proj/kernel"
  axes   = "qr (in ih)"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (in ih) -> qr (in ih)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r (in ih) -> qr (in ih)"
    scale  = lora_scale
  }
  to     = "(in ih) qr"
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.q_b_proj.weight"
}

rule "indexer_key_value" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/kv_proj/kernel"
  axes   = "d (c1 ih)"
  size   = { c1 = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (c1 ih) -> d (c1 ih)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (c1 ih) -> d (c1 ih)"
    scale  = lora_scale
  }
  to     = "(c1 ih) d"
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.kv_proj.weight"
}

rule "indexer_gate" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/gate_proj/kernel"
  axes   = "d (c1 ih)"
  size   = { c1 = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (c1 ih) -> d (c1 ih)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (c1 ih) -> d (c1 ih)"
    scale  = lora_scale
  }
  to     = "(c1 ih) d"
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.gate_proj.weight"
}

rule "indexer_weights" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/weights_proj/kernel"
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
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.scorer.weights_proj.weight"
}

rule "indexer_positions" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/position_bias"
  axes   = "cs (c1 ih)"
  size   = { c1 = 2 }
  to     = "cs (c1 ih)"
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.position_bias"
}

rule "indexer_norm" {
  when   = sparse == 1
  source = "{layer}/self_attention/csa_compressor/indexer/kv_norm/scale"
  axes   = "ih"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "ih r, r -> ih"
    scale  = lora_scale
  }
  to     = "ih"
  target = "{language_model}.layers.{l}.self_attn.compressor.indexer.kv_norm.weight"
}

rule "heavy_key_value" {
  when   = heavy == 1
  source = "{layer}/self_attention/hca_compressor/kv_proj/kernel"
  axes   = "d h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r h -> d h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r h -> d h"
    scale  = lora_scale
  }
  to     = "h d"
  target = "{language_model}.layers.{l}.self_attn.compressor.kv_proj.weight"
}

rule "heavy_gate" {
  when   = heavy == 1
  source = "{layer}/self_attention/hca_compressor/gate_proj/kernel"
  axes   = "d h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r h -> d h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r h -> d h"
    scale  = lora_scale
  }
  to     = "h d"
  target = "{language_model}.layers.{l}.self_attn.compressor.gate_proj.weight"
}

rule "heavy_positions" {
  when   = heavy == 1
  source = "{layer}/self_attention/hca_compressor/position_bias"
  axes   = "ch h"
  to     = "ch h"
  target = "{language_model}.layers.{l}.self_attn.compressor.position_bias"
}

rule "heavy_norm" {
  when   = heavy == 1
  source = "{layer}/self_attention/hca_compressor/kv_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.compressor.kv_norm.weight"
}

# Hyper-connections: how streams are read, how they are written, and a matrix of streams by streams,
# below one another.
rule "attention_connection" {
  part {
    source = "{layer}/mhc_attention/pre_alpha"
    axes   = "(k d) p"
  }
  part {
    source = "{layer}/mhc_attention/post_alpha"
    axes   = "(k d) q"
  }
  part {
    source = "{layer}/mhc_attention/res_alpha"
    axes   = "(k d) (u w)"
  }
  to     = "(p + q + (u w)) (k d)"
  target = "{language_model}.layers.{l}.attn_hc.fn"
}

rule "attention_connection_base" {
  part {
    source = "{layer}/mhc_attention/pre_beta"
    axes   = "p"
  }
  part {
    source = "{layer}/mhc_attention/post_beta"
    axes   = "q"
  }
  part {
    source = "{layer}/mhc_attention/res_beta"
    axes   = "u w"
  }
  to     = "(p + q + (u w))"
  target = "{language_model}.layers.{l}.attn_hc.base"
}

rule "attention_connection_scale" {
  part {
    source = "{layer}/mhc_attention/pre_alpha_scale"
    axes   = "p1"
  }
  part {
    source = "{layer}/mhc_attention/post_alpha_scale"
    axes   = "q1"
  }
  part {
    source = "{layer}/mhc_attention/res_alpha_scale"
    axes   = "u1"
  }
  to     = "(p1 + q1 + u1)"
  target = "{language_model}.layers.{l}.attn_hc.scale"
}

rule "mlp_connection" {
  part {
    source = "{layer}/mhc_mlp/pre_alpha"
    axes   = "(k d) p"
  }
  part {
    source = "{layer}/mhc_mlp/post_alpha"
    axes   = "(k d) q"
  }
  part {
    source = "{layer}/mhc_mlp/res_alpha"
    axes   = "(k d) (u w)"
  }
  to     = "(p + q + (u w)) (k d)"
  target = "{language_model}.layers.{l}.ffn_hc.fn"
}

rule "mlp_connection_base" {
  part {
    source = "{layer}/mhc_mlp/pre_beta"
    axes   = "p"
  }
  part {
    source = "{layer}/mhc_mlp/post_beta"
    axes   = "q"
  }
  part {
    source = "{layer}/mhc_mlp/res_beta"
    axes   = "u w"
  }
  to     = "(p + q + (u w))"
  target = "{language_model}.layers.{l}.ffn_hc.base"
}

rule "mlp_connection_scale" {
  part {
    source = "{layer}/mhc_mlp/pre_alpha_scale"
    axes   = "p1"
  }
  part {
    source = "{layer}/mhc_mlp/post_alpha_scale"
    axes   = "q1"
  }
  part {
    source = "{layer}/mhc_mlp/res_alpha_scale"
    axes   = "u1"
  }
  to     = "(p1 + q1 + u1)"
  target = "{language_model}.layers.{l}.ffn_hc.scale"
}

rule "router" {
  source = "{layer}/mlp/MoeBlock_0/gate/kernel"
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
  target = "{language_model}.layers.{l}.mlp.gate.weight"
}

rule "router_bias" {
  when   = by_token == 0
  source = "{variable}/mlp/MoeBlock_0/gate/bias"
  axes   = "e"
  to     = "e"
  target = "{language_model}.layers.{l}.mlp.gate.e_score_correction_bias"
}

# Which experts a token goes to. MaxText keeps the numbers as float32, and so they are written.
rule "router_table" {
  when   = by_token == 1
  source = "{layer}/mlp/MoeBlock_0/tid2eid"
  axes   = "v x"
  to     = "v x"
  target = "{language_model}.layers.{l}.mlp.gate.tid2eid"
}

rule "shared_gate" {
  source = "{layer}/mlp/shared_experts/wi_0/kernel"
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
  target = "{language_model}.layers.{l}.mlp.shared_experts.gate_proj.weight"
}

rule "shared_up" {
  source = "{layer}/mlp/shared_experts/wi_1/kernel"
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
  target = "{language_model}.layers.{l}.mlp.shared_experts.up_proj.weight"
}

rule "shared_down" {
  source = "{layer}/mlp/shared_experts/wo/kernel"
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
  target = "{language_model}.layers.{l}.mlp.shared_experts.down_proj.weight"
}

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
rule "expert_gate" {
  source = "{layer}/mlp/MoeBlock_0/wi_0"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.w1.weight"
}

rule "expert_up" {
  source = "{layer}/mlp/MoeBlock_0/wi_1"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.w3.weight"
}

rule "expert_down" {
  source = "{layer}/mlp/MoeBlock_0/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.w2.weight"
}

# The target norms the streams without a scale. The importer set it to 1, and LoRA training keeps it;
# a checkpoint whose scale was trained loses that.
drop "connection_norm" {
  source = "decoder/**/mhc_norm/scale"
  reason = "the target has no scale here: 1 unless it was trained, and then its training is lost"
}
