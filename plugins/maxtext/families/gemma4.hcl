# Gemma 4: 26b (routed experts), 31b, and the small e2b and e4b (embeddings of each layer, keys and
# values shared by the last layers), with the vision tower. Five local layers, then a global one
# with heads of its own; e2b has four and one, and is never stacked.
# MaxText checkpoint_conversion/utils/param_mapping.py: GEMMA4_MAXTEXT_TO_HF_PARAM_MAPPING and
# GEMMA4_SMALL_MAXTEXT_TO_HF_PARAM_MAPPING; models/gemma4.py, gemma4_small.py, gemma4_vision.py.

include = ["shared/gemma", "shared/attention"]

letters = {
  l           = "layers"
  f           = "mlp dim"
  m           = "moe width"
  e           = "experts"
  vp          = "vocabulary of the layers' embeddings"
  p           = "width of a layer's embedding"
  w           = "vision width"
  wn          = "vision heads"
  wh          = "vision head dim"
  wf          = "vision mlp dim"
  wp          = "vision positions"
  norm_offset = "norm offset"
}

# Every published importer takes norms as they are: the target's norm has no 1 to add. The source
# block's norm_offset is for checkpoints that were made otherwise.
define "norm_offset" {
  value = 0
}

define "small" {
  value = has("decoder/per_layer_embedder/**")
}

# Whether a layer has keys and values of its own: all of the three parameters, or none.
define "keyed" {
  value = has("{layer}/self_attention/key/**") || has("{layer}/self_attention/key_norm/**") || has("{layer}/self_attention/value/**")
}

define "routed" {
  value = has("{layer}/mlp/moe_block/**")
}

define "sees" {
  value = has("vision_encoder/**")
}

# Until July 2026 each of the six was a stack of its own; since then the five local ones are one
# array, with an axis for the five beside that of the blocks. Heads differ between local and global
# layers, and e2b's MLP is twice as wide where keys are shared.
# LoRA in stacked layers waits for MaxText: its main of August 2026 cannot start it there.
block "layer" {
  own = "g h f"
  at "decoder/scanned_blocks/local_layers" {
    stack = "j i"
    full  = 0
    l     = 6*j + i
  }
  at "decoder/scanned_blocks/global_layer" {
    stack = "j"
    full  = 1
    l     = 6*j + 5
  }
  at "decoder/scanned_blocks/layers_{b}" {
    stack = "j"
    full  = b == 5 ? 1 : 0
    l     = 6*j + b
  }
  at "decoder/layers_{l}" {
    full = l % 6 == 5 ? 1 : 0
  }
}

block "vision_layer" {
  optional = true
  at "vision_encoder/Gemma4VisionEncoderLayer_0/layer_{t}" {}
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
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.norm.weight"
}

# One table for all layers, and what the embedding of a token adds to it.
rule "layer_embedding" {
  when   = small
  source = "decoder/per_layer_embedder/embed_tokens_per_layer"
  axes   = "vp (lp p)"
  size   = { lp = count("layer") }
  to     = "vp (lp p)"
  target = "{language_model}.embed_tokens_per_layer.weight"
}

rule "layer_embedding_projection" {
  when   = small
  source = "decoder/per_layer_embedder/per_layer_model_projection/kernel"
  axes   = "d (lp p)"
  size   = { lp = count("layer") }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (lp p) -> d (lp p)"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (lp p) -> d (lp p)"
    scale  = lora_scale
  }
  to     = "(lp p) d"
  target = "{language_model}.per_layer_model_projection.weight"
}

rule "layer_embedding_norm" {
  when   = small
  source = "decoder/per_layer_embedder/per_layer_projection_norm/scale"
  axes   = "p"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "p r, r -> p"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "p"
  target = "{language_model}.per_layer_projection_norm.weight"
}

rule "key" {
  when   = !small || keyed
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
  target = "{language_model}.layers.{l}.self_attn.k_proj.weight"
}

# Global layers of 26b and 31b take the key for the value, in the target too.
rule "value" {
  when   = has("{layer}/self_attention/value/**") || (small ? keyed : full == 0)
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
  target = "{language_model}.layers.{l}.self_attn.v_proj.weight"
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
  add    = -norm_offset
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.q_norm.weight"
}

rule "key_norm" {
  when   = !small || keyed
  source = "{layer}/self_attention/key_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.k_norm.weight"
}

rule "mlp_gate" {
  when   = !routed
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
  target = "{language_model}.layers.{l}.mlp.gate_proj.weight"
}

rule "mlp_up" {
  when   = !routed
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
  target = "{language_model}.layers.{l}.mlp.up_proj.weight"
}

rule "mlp_down" {
  when   = !routed
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
  target = "{language_model}.layers.{l}.mlp.down_proj.weight"
}

# The target keeps the shared expert where other layers have their MLP.
rule "shared_mlp_gate" {
  when   = routed
  source = "{layer}/mlp/moe_block/shared_experts/wi_0/kernel"
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
  target = "{language_model}.layers.{l}.mlp.gate_proj.weight"
}

rule "shared_mlp_up" {
  when   = routed
  source = "{layer}/mlp/moe_block/shared_experts/wi_1/kernel"
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
  target = "{language_model}.layers.{l}.mlp.up_proj.weight"
}

rule "shared_mlp_down" {
  when   = routed
  source = "{layer}/mlp/moe_block/shared_experts/wo/kernel"
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
  target = "{language_model}.layers.{l}.mlp.down_proj.weight"
}

rule "router" {
  when   = routed
  source = "{layer}/mlp/moe_block/MoeBlock_0/gate/kernel"
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
  target = "{language_model}.layers.{l}.router.proj.weight"
}

rule "router_scale" {
  when   = routed
  source = "{layer}/mlp/pre_forward_scale_2"
  axes   = "d"
  to     = "d"
  target = "{language_model}.layers.{l}.router.scale"
}

rule "expert_scale" {
  when   = routed
  source = "{layer}/mlp/moe_block/MoeBlock_0/per_expert_scale"
  axes   = "e"
  to     = "e"
  target = "{language_model}.layers.{l}.router.per_expert_scale"
}

# One array holds all experts; gate and up lie side by side in the target. LoRA exists where experts
# are dense matmuls (sparse_matmul=False): qwix splits BSM,EMH->BSEH so that A is shared, and
# BSEH,EHM->BSEM so that B is.
rule "expert_in" {
  when   = routed
  source = "{layer}/mlp/moe_block/MoeBlock_0/{s}"
  names  = { s = ["wi_0", "wi_1"] }
  axes   = "s e d m"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e m -> e d m"
    scale  = lora_scale
  }
  to     = "e (s m) d"
  target = "{language_model}.layers.{l}.experts.gate_up_proj"
}

rule "expert_down" {
  when   = routed
  source = "{layer}/mlp/moe_block/MoeBlock_0/wo"
  axes   = "e m d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e m r, r d -> e m d"
    scale  = lora_scale
  }
  to     = "e d m"
  target = "{language_model}.layers.{l}.experts.down_proj"
}

rule "attention_norm" {
  source = "{layer}/pre_self_attention_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.input_layernorm.weight"
}

rule "post_attention_norm" {
  source = "{layer}/post_self_attention_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.post_attention_layernorm.weight"
}

rule "mlp_norm" {
  source = "{layer}/pre_ffw_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.pre_feedforward_layernorm.weight"
}

rule "post_mlp_norm" {
  source = "{layer}/post_ffw_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.post_feedforward_layernorm.weight"
}

rule "expert_norm" {
  when   = routed
  source = "{layer}/mlp/pre_feedforward_layernorm_2/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.pre_feedforward_layernorm_2.weight"
}

rule "post_shared_norm" {
  when   = routed
  source = "{layer}/mlp/post_feedforward_layernorm_1/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.post_feedforward_layernorm_1.weight"
}

rule "post_expert_norm" {
  when   = routed
  source = "{layer}/mlp/post_feedforward_layernorm_2/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.post_feedforward_layernorm_2.weight"
}

rule "layer_scalar" {
  source = "{layer}/layer_scalar"
  axes   = "1"
  to     = "1"
  target = "{language_model}.layers.{l}.layer_scalar"
}

rule "layer_gate" {
  when   = small
  source = "{layer}/per_layer_input_gate/kernel"
  axes   = "d p"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r p -> d p"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r p -> d p"
    scale  = lora_scale
  }
  to     = "p d"
  target = "{language_model}.layers.{l}.per_layer_input_gate.weight"
}

rule "layer_projection" {
  when   = small
  source = "{layer}/per_layer_projection/kernel"
  axes   = "p d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "p r, r d -> p d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "p r, r d -> p d"
    scale  = lora_scale
  }
  to     = "d p"
  target = "{language_model}.layers.{l}.per_layer_projection.weight"
}

rule "layer_norm" {
  when   = small
  source = "{layer}/post_per_layer_input_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -norm_offset
  to     = "d"
  target = "{language_model}.layers.{l}.post_per_layer_input_norm.weight"
}

# The vision tower. No LoRA on it is known.
rule "vision_patch" {
  when   = sees
  source = "vision_encoder/Gemma4VisionEncoderLayer_0/vision_entry/input_projection/kernel"
  axes   = "wi w"
  to     = "w wi"
  target = "model.vision_tower.patch_embedder.input_proj.weight"
}

rule "vision_positions" {
  when   = sees
  source = "vision_encoder/Gemma4VisionEncoderLayer_0/vision_entry/pos_emb_param"
  axes   = "wp xy w"
  size   = { xy = 2 }
  to     = "xy wp w"
  target = "model.vision_tower.patch_embedder.position_embedding_table"
}

rule "vision_scale" {
  when   = sees && !small
  source = "vision_encoder/Gemma4VisionEncoderLayer_0/std_scale"
  axes   = "w"
  to     = "w"
  target = "model.vision_tower.std_scale"
}

rule "vision_bias" {
  when   = sees && !small
  source = "vision_encoder/Gemma4VisionEncoderLayer_0/std_bias"
  axes   = "w"
  to     = "w"
  target = "model.vision_tower.std_bias"
}

rule "vision_projection" {
  when   = sees
  source = "vision_encoder/Gemma4VisionProjector_0/projection/kernel"
  axes   = "w d"
  to     = "d w"
  target = "model.embed_vision.embedding_projection.weight"
}

rule "vision_query" {
  source = "{vision_layer}/attention/query/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.q_proj.linear.weight"
}

rule "vision_key" {
  source = "{vision_layer}/attention/key/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.k_proj.linear.weight"
}

rule "vision_value" {
  source = "{vision_layer}/attention/value/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.v_proj.linear.weight"
}

rule "vision_attention_output" {
  source = "{vision_layer}/attention/out/kernel"
  axes   = "wn wh w"
  to     = "w (wn wh)"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.o_proj.linear.weight"
}

rule "vision_query_norm" {
  source = "{vision_layer}/attention/query_norm/scale"
  axes   = "wh"
  add    = -norm_offset
  to     = "wh"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.q_norm.weight"
}

rule "vision_key_norm" {
  source = "{vision_layer}/attention/key_norm/scale"
  axes   = "wh"
  add    = -norm_offset
  to     = "wh"
  target = "model.vision_tower.encoder.layers.{t}.self_attn.k_norm.weight"
}

rule "vision_attention_norm" {
  source = "{vision_layer}/pre_attention_norm/scale"
  axes   = "w"
  add    = -norm_offset
  to     = "w"
  target = "model.vision_tower.encoder.layers.{t}.input_layernorm.weight"
}

rule "vision_post_attention_norm" {
  source = "{vision_layer}/post_attention_norm/scale"
  axes   = "w"
  add    = -norm_offset
  to     = "w"
  target = "model.vision_tower.encoder.layers.{t}.post_attention_layernorm.weight"
}

rule "vision_mlp_norm" {
  source = "{vision_layer}/pre_ffw_norm/scale"
  axes   = "w"
  add    = -norm_offset
  to     = "w"
  target = "model.vision_tower.encoder.layers.{t}.pre_feedforward_layernorm.weight"
}

rule "vision_post_mlp_norm" {
  source = "{vision_layer}/post_ffw_norm/scale"
  axes   = "w"
  add    = -norm_offset
  to     = "w"
  target = "model.vision_tower.encoder.layers.{t}.post_feedforward_layernorm.weight"
}

rule "vision_mlp_gate" {
  source = "{vision_layer}/mlp/wi_0/kernel"
  axes   = "w wf"
  to     = "wf w"
  target = "model.vision_tower.encoder.layers.{t}.mlp.gate_proj.linear.weight"
}

rule "vision_mlp_up" {
  source = "{vision_layer}/mlp/wi_1/kernel"
  axes   = "w wf"
  to     = "wf w"
  target = "model.vision_tower.encoder.layers.{t}.mlp.up_proj.linear.weight"
}

rule "vision_mlp_down" {
  source = "{vision_layer}/mlp/wo/kernel"
  axes   = "wf w"
  to     = "w wf"
  target = "model.vision_tower.encoder.layers.{t}.mlp.down_proj.linear.weight"
}

drop "vision_standard" {
  source = "vision_encoder/*/std_*"
  reason = "e2b and e4b do not standardize what the tower gives: the importer wrote ones and zeros, for which the target has no place"
  when   = small
}

refuse "value_norm" {
  source = "**/value_norm/scale"
  reason = "the target's norm of values has no scale; published models have none either (v_norm_with_scale: false)"
}

refuse "remainder" {
  source = "decoder/layers_remainder/**"
  reason = "layers that do not fill a block of six: MaxText's exporter gives them other names than its model has, and no published model has any"
}
