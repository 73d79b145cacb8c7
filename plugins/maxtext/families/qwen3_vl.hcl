# Qwen3-VL, dense: Qwen3 and a vision tower. MaxText trains it unstacked alone.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN3_VL_MAXTEXT_TO_HF_PARAM_MAPPING.

roots = ["params/params", "params", "base"]

letters = {
  l  = "layers"
  d  = "width"
  n  = "heads"
  g  = "kv heads"
  h  = "head dim"
  f  = "mlp dim"
  v  = "vocabulary"
  vd = "vision width"
  vn = "vision heads"
  vh = "vision head dim"
  vf = "vision mlp dim"
  vp = "vision positions"
  vm = "merged vision width"
  vq = "merger mlp dim"
  c  = "channels"
  t  = "frames of a patch"
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

# The vision tower, layers/encoders.py and models/qwen3.py. A checkpoint trained without images has none.
block "vision_block" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/blocks_{i}" {}
}

block "vision_merger" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/merger_{k}" {}
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  to     = "v d"
  target = "model.language_model.embed_tokens.weight"
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
  target = "model.language_model.norm.weight"
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
  target = "model.language_model.layers.{l}.self_attn.q_proj.weight"
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
  target = "model.language_model.layers.{l}.self_attn.k_proj.weight"
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
  target = "model.language_model.layers.{l}.self_attn.v_proj.weight"
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
  target = "model.language_model.layers.{l}.self_attn.o_proj.weight"
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
  target = "model.language_model.layers.{l}.self_attn.q_norm.weight"
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
  target = "model.language_model.layers.{l}.self_attn.k_norm.weight"
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
  target = "model.language_model.layers.{l}.mlp.gate_proj.weight"
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
  target = "model.language_model.layers.{l}.mlp.up_proj.weight"
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
  target = "model.language_model.layers.{l}.mlp.down_proj.weight"
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
  target = "model.language_model.layers.{l}.input_layernorm.weight"
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
  target = "model.language_model.layers.{l}.post_attention_layernorm.weight"
}

# Patches of two frames: time, rows, columns, channels in front here, behind there.
rule "vision_patches" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionEncoder_0/patch_embed/proj/kernel"
  axes   = "t py px c vd"
  to     = "vd c t py px"
  target = "model.visual.patch_embed.proj.weight"
}

rule "vision_patches_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionEncoder_0/patch_embed/proj/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.patch_embed.proj.bias"
}

rule "vision_positions" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionEncoder_0/pos_embed_interpolate/pos_embed"
  axes   = "vp vd"
  to     = "vp vd"
  target = "model.visual.pos_embed.weight"
}

# Query, key and value above one another in one matrix.
rule "vision_attention_in" {
  source = "{vision_block}/attn/attn/{s}/kernel"
  axes   = "s vd vn vh"
  names  = { s = ["query", "key", "value"] }
  to     = "(s vn vh) vd"
  target = "model.visual.blocks.{i}.attn.qkv.weight"
}

rule "vision_attention_in_bias" {
  source = "{vision_block}/attn/attn/{s}/bias"
  axes   = "s vn vh"
  names  = { s = ["query", "key", "value"] }
  to     = "(s vn vh)"
  target = "model.visual.blocks.{i}.attn.qkv.bias"
}

rule "vision_attention_out" {
  source = "{vision_block}/attn/attn/out/kernel"
  axes   = "vn vh vd"
  to     = "vd (vn vh)"
  target = "model.visual.blocks.{i}.attn.proj.weight"
}

rule "vision_attention_out_bias" {
  source = "{vision_block}/attn/attn/out/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.attn.proj.bias"
}

rule "vision_norm_1" {
  source = "{vision_block}/ln1/scale"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.norm1.weight"
}

rule "vision_norm_1_bias" {
  source = "{vision_block}/ln1/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.norm1.bias"
}

rule "vision_norm_2" {
  source = "{vision_block}/ln2/scale"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.norm2.weight"
}

rule "vision_norm_2_bias" {
  source = "{vision_block}/ln2/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.norm2.bias"
}

rule "vision_mlp_in" {
  source = "{vision_block}/mlp/kernel"
  axes   = "vd vf"
  to     = "vf vd"
  target = "model.visual.blocks.{i}.mlp.linear_fc1.weight"
}

rule "vision_mlp_in_bias" {
  source = "{vision_block}/mlp/bias"
  axes   = "vf"
  to     = "vf"
  target = "model.visual.blocks.{i}.mlp.linear_fc1.bias"
}

rule "vision_mlp_out" {
  source = "{vision_block}/mlp_out/kernel"
  axes   = "vf vd"
  to     = "vd vf"
  target = "model.visual.blocks.{i}.mlp.linear_fc2.weight"
}

rule "vision_mlp_out_bias" {
  source = "{vision_block}/mlp_out/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.blocks.{i}.mlp.linear_fc2.bias"
}

# Features of deeper layers are merged, four patches into one, before their norm ...
rule "vision_merger_norm" {
  source = "{vision_merger}/ln_q/scale"
  axes   = "vm"
  to     = "vm"
  target = "model.visual.deepstack_merger_list.{k}.norm.weight"
}

rule "vision_merger_norm_bias" {
  source = "{vision_merger}/ln_q/bias"
  axes   = "vm"
  to     = "vm"
  target = "model.visual.deepstack_merger_list.{k}.norm.bias"
}

rule "vision_merger_in" {
  source = "{vision_merger}/mlp_0/kernel"
  axes   = "vm vq"
  to     = "vq vm"
  target = "model.visual.deepstack_merger_list.{k}.linear_fc1.weight"
}

rule "vision_merger_in_bias" {
  source = "{vision_merger}/mlp_0/bias"
  axes   = "vq"
  to     = "vq"
  target = "model.visual.deepstack_merger_list.{k}.linear_fc1.bias"
}

rule "vision_merger_out" {
  source = "{vision_merger}/mlp_2/kernel"
  axes   = "vq d"
  to     = "d vq"
  target = "model.visual.deepstack_merger_list.{k}.linear_fc2.weight"
}

rule "vision_merger_out_bias" {
  source = "{vision_merger}/mlp_2/bias"
  axes   = "d"
  to     = "d"
  target = "model.visual.deepstack_merger_list.{k}.linear_fc2.bias"
}

# ... those of the last layer after it.
rule "vision_projector_norm" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/ln_q/scale"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.merger.norm.weight"
}

rule "vision_projector_norm_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/ln_q/bias"
  axes   = "vd"
  to     = "vd"
  target = "model.visual.merger.norm.bias"
}

rule "vision_projector_in" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/mlp_0/kernel"
  axes   = "vm vq"
  to     = "vq vm"
  target = "model.visual.merger.linear_fc1.weight"
}

rule "vision_projector_in_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/mlp_0/bias"
  axes   = "vq"
  to     = "vq"
  target = "model.visual.merger.linear_fc1.bias"
}

rule "vision_projector_out" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/mlp_2/kernel"
  axes   = "vq d"
  to     = "d vq"
  target = "model.visual.merger.linear_fc2.weight"
}

rule "vision_projector_out_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3VLVisionProjector_0/merger/mlp_2/bias"
  axes   = "d"
  to     = "d"
  target = "model.visual.merger.linear_fc2.bias"
}

drop "rng" {
  source = "**/rngs/**"
  reason = "state of a random number generator: not part of the model"
}

refuse "unknown_lora" {
  source = "**/*lora*"
  reason = "no row has LoRA on this parameter, so there is no formula that would merge it"
}
