# Qwen3-VL's vision tower.

include = ["shared/qwen3_tower"]

letters = {
  d  = "width"
  vm = "merged vision width"
  vq = "merger mlp dim"
}

# The vision tower, layers/encoders.py and models/qwen3.py. A checkpoint trained without images has none.
capture "vision" {
  shared = true
  value "Qwen3VLVisionEncoder_0" {}
}

block "vision_block" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/blocks_{i}" {}
}

block "vision_merger" {
  optional = true
  at "vision_encoder/Qwen3VLVisionEncoder_0/merger_{k}" {}
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
