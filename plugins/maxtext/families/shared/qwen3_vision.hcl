# Qwen3-VL's vision tower.

letters = {
  d  = "width"
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

# The vision tower, layers/encoders.py and models/qwen3.py. A checkpoint trained without images has none.
block "vision_block" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/blocks_{i}" {}
}

block "vision_merger" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/merger_{k}" {}
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
