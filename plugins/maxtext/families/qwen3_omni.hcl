# Qwen3-Omni, the thinker: Qwen3-MoE, a vision and an audio tower. The talker and its vocoder are not
# in MaxText. MaxText checkpoint_conversion/utils/param_mapping.py:
# QWEN3_OMNI_MOE_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/padded", "shared/model", "shared/layer", "shared/attention", "shared/head_norms", "shared/norms", "shared/moe_block", "shared/qwen3_tower"]

letters = {
  vm = "merged vision width"
  vq = "merger mlp dim"
  ad = "audio width"
  an = "audio heads"
  ah = "audio head dim"
  af = "audio mlp dim"
  ac = "audio channels"
  aw = "audio convolution width"
}

# The vision tower, layers/encoders.py and models/qwen3.py. A checkpoint trained without images has none.
capture "vision" {
  shared = true
  value "Qwen3OmniMoeVisionEncoder_0" {}
}

block "vision_block" {
  optional = true
  at "vision_encoder/Qwen3OmniMoeVisionEncoder_0/blocks_{i}" {}
}

block "vision_merger" {
  optional = true
  at "vision_encoder/Qwen3OmniMoeVisionEncoder_0/merger_{k}" {}
}

# The audio tower, models/qwen3.py; use_audio = false leaves it out.
block "audio_layer" {
  optional = true
  at "audio_encoder/Qwen3OmniAudioEncoder_0/layers_{i}" {}
}

rule "head" {
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
  target = "thinker.lm_head.weight"
}

# Features of deeper layers are merged, four patches into one, before their norm ...
rule "vision_merger_norm" {
  source = "{vision_merger}/ln_q/scale"
  axes   = "vm"
  to     = "vm"
  target = "thinker.visual.merger_list.{k}.ln_q.weight"
}

rule "vision_merger_norm_bias" {
  source = "{vision_merger}/ln_q/bias"
  axes   = "vm"
  to     = "vm"
  target = "thinker.visual.merger_list.{k}.ln_q.bias"
}

rule "vision_merger_in" {
  source = "{vision_merger}/mlp_0/kernel"
  axes   = "vm vq"
  to     = "vq vm"
  target = "thinker.visual.merger_list.{k}.mlp.0.weight"
}

rule "vision_merger_in_bias" {
  source = "{vision_merger}/mlp_0/bias"
  axes   = "vq"
  to     = "vq"
  target = "thinker.visual.merger_list.{k}.mlp.0.bias"
}

rule "vision_merger_out" {
  source = "{vision_merger}/mlp_2/kernel"
  axes   = "vq d"
  to     = "d vq"
  target = "thinker.visual.merger_list.{k}.mlp.2.weight"
}

rule "vision_merger_out_bias" {
  source = "{vision_merger}/mlp_2/bias"
  axes   = "d"
  to     = "d"
  target = "thinker.visual.merger_list.{k}.mlp.2.bias"
}

# ... those of the last layer after it.
rule "vision_projector_norm" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/ln_q/scale"
  axes   = "vd"
  to     = "vd"
  target = "thinker.visual.merger.ln_q.weight"
}

rule "vision_projector_norm_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/ln_q/bias"
  axes   = "vd"
  to     = "vd"
  target = "thinker.visual.merger.ln_q.bias"
}

rule "vision_projector_in" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/mlp_0/kernel"
  axes   = "vm vq"
  to     = "vq vm"
  target = "thinker.visual.merger.mlp.0.weight"
}

rule "vision_projector_in_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/mlp_0/bias"
  axes   = "vq"
  to     = "vq"
  target = "thinker.visual.merger.mlp.0.bias"
}

rule "vision_projector_out" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/mlp_2/kernel"
  axes   = "vq d"
  to     = "d vq"
  target = "thinker.visual.merger.mlp.2.weight"
}

rule "vision_projector_out_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3OmniMoeVisionProjector_0/merger/mlp_2/bias"
  axes   = "d"
  to     = "d"
  target = "thinker.visual.merger.mlp.2.bias"
}

# Three convolutions over mel bins and time: rows, columns and channels in front here, behind there.
rule "audio_convolution_1" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d1/kernel"
  axes   = "y x 1 ac"
  to     = "ac 1 y x"
  target = "thinker.audio_tower.conv2d1.weight"
}

rule "audio_convolution_1_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d1/bias"
  axes   = "ac"
  to     = "ac"
  target = "thinker.audio_tower.conv2d1.bias"
}

rule "audio_convolution_2" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d2/kernel"
  axes   = "y x ai ac"
  to     = "ac ai y x"
  target = "thinker.audio_tower.conv2d2.weight"
}

rule "audio_convolution_2_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d2/bias"
  axes   = "ac"
  to     = "ac"
  target = "thinker.audio_tower.conv2d2.bias"
}

rule "audio_convolution_3" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d3/kernel"
  axes   = "y x ai ac"
  to     = "ac ai y x"
  target = "thinker.audio_tower.conv2d3.weight"
}

rule "audio_convolution_3_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv2d3/bias"
  axes   = "ac"
  to     = "ac"
  target = "thinker.audio_tower.conv2d3.bias"
}

rule "audio_convolution_out" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/conv_out/kernel"
  axes   = "aw ad"
  to     = "ad aw"
  target = "thinker.audio_tower.conv_out.weight"
}

rule "audio_query" {
  source = "{audio_layer}/self_attention_audio/query/kernel"
  axes   = "ad an ah"
  to     = "(an ah) ad"
  target = "thinker.audio_tower.layers.{i}.self_attn.q_proj.weight"
}

rule "audio_query_bias" {
  source = "{audio_layer}/self_attention_audio/query/bias"
  axes   = "an ah"
  to     = "(an ah)"
  target = "thinker.audio_tower.layers.{i}.self_attn.q_proj.bias"
}

rule "audio_key" {
  source = "{audio_layer}/self_attention_audio/key/kernel"
  axes   = "ad an ah"
  to     = "(an ah) ad"
  target = "thinker.audio_tower.layers.{i}.self_attn.k_proj.weight"
}

rule "audio_key_bias" {
  source = "{audio_layer}/self_attention_audio/key/bias"
  axes   = "an ah"
  to     = "(an ah)"
  target = "thinker.audio_tower.layers.{i}.self_attn.k_proj.bias"
}

rule "audio_value" {
  source = "{audio_layer}/self_attention_audio/value/kernel"
  axes   = "ad an ah"
  to     = "(an ah) ad"
  target = "thinker.audio_tower.layers.{i}.self_attn.v_proj.weight"
}

rule "audio_value_bias" {
  source = "{audio_layer}/self_attention_audio/value/bias"
  axes   = "an ah"
  to     = "(an ah)"
  target = "thinker.audio_tower.layers.{i}.self_attn.v_proj.bias"
}

rule "audio_attention_output" {
  source = "{audio_layer}/self_attention_audio/out/kernel"
  axes   = "an ah ad"
  to     = "ad (an ah)"
  target = "thinker.audio_tower.layers.{i}.self_attn.out_proj.weight"
}

rule "audio_attention_output_bias" {
  source = "{audio_layer}/self_attention_audio/out/bias"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.self_attn.out_proj.bias"
}

rule "audio_attention_norm" {
  source = "{audio_layer}/input_layer_norm/scale"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.self_attn_layer_norm.weight"
}

rule "audio_attention_norm_bias" {
  source = "{audio_layer}/input_layer_norm/bias"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.self_attn_layer_norm.bias"
}

rule "audio_mlp_norm" {
  source = "{audio_layer}/post_attention_layer_norm/scale"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.final_layer_norm.weight"
}

rule "audio_mlp_norm_bias" {
  source = "{audio_layer}/post_attention_layer_norm/bias"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.final_layer_norm.bias"
}

rule "audio_mlp_in" {
  source = "{audio_layer}/AudioMLP/wi/kernel"
  axes   = "ad af"
  to     = "af ad"
  target = "thinker.audio_tower.layers.{i}.fc1.weight"
}

rule "audio_mlp_in_bias" {
  source = "{audio_layer}/AudioMLP/wi/bias"
  axes   = "af"
  to     = "af"
  target = "thinker.audio_tower.layers.{i}.fc1.bias"
}

rule "audio_mlp_out" {
  source = "{audio_layer}/AudioMLP/wo/kernel"
  axes   = "af ad"
  to     = "ad af"
  target = "thinker.audio_tower.layers.{i}.fc2.weight"
}

rule "audio_mlp_out_bias" {
  source = "{audio_layer}/AudioMLP/wo/bias"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.layers.{i}.fc2.bias"
}

rule "audio_final_norm" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/layernorm_post/scale"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.ln_post.weight"
}

rule "audio_final_norm_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioEncoder_0/layernorm_post/bias"
  axes   = "ad"
  to     = "ad"
  target = "thinker.audio_tower.ln_post.bias"
}

rule "audio_projector_1" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioProjector_0/proj1/kernel"
  axes   = "ad ap"
  to     = "ap ad"
  target = "thinker.audio_tower.proj1.weight"
}

rule "audio_projector_1_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioProjector_0/proj1/bias"
  axes   = "ap"
  to     = "ap"
  target = "thinker.audio_tower.proj1.bias"
}

rule "audio_projector_2" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioProjector_0/proj2/kernel"
  axes   = "ap d"
  to     = "d ap"
  target = "thinker.audio_tower.proj2.weight"
}

rule "audio_projector_2_bias" {
  when   = has("audio_encoder/**")
  source = "audio_encoder/Qwen3OmniAudioProjector_0/proj2/bias"
  axes   = "d"
  to     = "d"
  target = "thinker.audio_tower.proj2.bias"
}
