# The vision towers of Qwen3-VL and Qwen3-Omni up to what they end in: layers/encoders.py and
# models/qwen3.py. Tables say where it stands: the capture "vision" and the block "vision_block".

letters = {
  vd = "vision width"
  vn = "vision heads"
  vh = "vision head dim"
  vf = "vision mlp dim"
  vp = "vision positions"
  c  = "channels"
  t  = "frames of a patch"
}

# Patches of two frames: time, rows, columns, channels in front here, behind there.
rule "vision_patches" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/{vision}/patch_embed/proj/kernel"
  axes   = "t py px c vd"
  to     = "vd c t py px"
  target = "{tower}visual.patch_embed.proj.weight"
}

rule "vision_patches_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/{vision}/patch_embed/proj/bias"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.patch_embed.proj.bias"
}

rule "vision_positions" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/{vision}/pos_embed_interpolate/pos_embed"
  axes   = "vp vd"
  to     = "vp vd"
  target = "{tower}visual.pos_embed.weight"
}

# Query, key and value above one another in one matrix.
rule "vision_attention_in" {
  source = "{vision_block}/attn/attn/{s}/kernel"
  axes   = "s vd vn vh"
  names  = { s = ["query", "key", "value"] }
  to     = "(s vn vh) vd"
  target = "{tower}visual.blocks.{i}.attn.qkv.weight"
}

rule "vision_attention_in_bias" {
  source = "{vision_block}/attn/attn/{s}/bias"
  axes   = "s vn vh"
  names  = { s = ["query", "key", "value"] }
  to     = "(s vn vh)"
  target = "{tower}visual.blocks.{i}.attn.qkv.bias"
}

rule "vision_attention_out" {
  source = "{vision_block}/attn/attn/out/kernel"
  axes   = "vn vh vd"
  to     = "vd (vn vh)"
  target = "{tower}visual.blocks.{i}.attn.proj.weight"
}

rule "vision_attention_out_bias" {
  source = "{vision_block}/attn/attn/out/bias"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.attn.proj.bias"
}

rule "vision_norm_1" {
  source = "{vision_block}/ln1/scale"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.norm1.weight"
}

rule "vision_norm_1_bias" {
  source = "{vision_block}/ln1/bias"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.norm1.bias"
}

rule "vision_norm_2" {
  source = "{vision_block}/ln2/scale"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.norm2.weight"
}

rule "vision_norm_2_bias" {
  source = "{vision_block}/ln2/bias"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.norm2.bias"
}

rule "vision_mlp_in" {
  source = "{vision_block}/mlp/kernel"
  axes   = "vd vf"
  to     = "vf vd"
  target = "{tower}visual.blocks.{i}.mlp.linear_fc1.weight"
}

rule "vision_mlp_in_bias" {
  source = "{vision_block}/mlp/bias"
  axes   = "vf"
  to     = "vf"
  target = "{tower}visual.blocks.{i}.mlp.linear_fc1.bias"
}

rule "vision_mlp_out" {
  source = "{vision_block}/mlp_out/kernel"
  axes   = "vf vd"
  to     = "vd vf"
  target = "{tower}visual.blocks.{i}.mlp.linear_fc2.weight"
}

rule "vision_mlp_out_bias" {
  source = "{vision_block}/mlp_out/bias"
  axes   = "vd"
  to     = "vd"
  target = "{tower}visual.blocks.{i}.mlp.linear_fc2.bias"
}
