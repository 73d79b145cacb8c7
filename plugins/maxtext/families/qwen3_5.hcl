# Qwen3.5, with its vision tower: layers as in Qwen3-Next, yet the target keeps the linear
# attention's projections apart and the experts fused.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN3_5_MAXTEXT_TO_HF_PARAM_MAPPING and
# QWEN3_5_MAXTEXT_TO_HF_PARAM_HOOK_FN.

include = ["shared/padded", "shared/model", "shared/qwen3_next"]

letters = {
  w  = "vision width"
  wn = "vision heads"
  wh = "vision head dim"
  wf = "vision mlp dim"
  wp = "vision positions"
}

block "vision_layer" {
  optional = true
  at "vision_encoder/Qwen3_5MoeVisionEncoder_0/blocks_{t}" {}
}

# Of each key head, side by side: its query and key, then values and gates of the value heads that
# share it. How many key heads there are, no shape tells.
rule "linear_in" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_qkvz/kernel"
  axes   = "d (kh (qd + kd + vw + zw))"
  size   = { kh = linear_key_heads, qd = linear_key_head_dim, kd = linear_key_head_dim, vw = vo / linear_key_heads, zw = vo / linear_key_heads }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (kh (qd + kd + vw + zw)) -> d (kh (qd + kd + vw + zw))"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (kh (qd + kd + vw + zw)) -> d (kh (qd + kd + vw + zw))"
    scale  = lora_scale
  }
  to     = "((kh qd) + (kh kd) + (kh vw)) d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_qkv.weight"
}

rule "linear_gate" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_qkvz/kernel"
  axes   = "d (kh (qd + kd + vw + zw))"
  size   = { kh = linear_key_heads, qd = linear_key_head_dim, kd = linear_key_head_dim, vw = vo / linear_key_heads, zw = vo / linear_key_heads }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (kh (qd + kd + vw + zw)) -> d (kh (qd + kd + vw + zw))"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (kh (qd + kd + vw + zw)) -> d (kh (qd + kd + vw + zw))"
    scale  = lora_scale
  }
  to     = "(kh zw) d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_z.weight"
}

# Of each key head: b of its value heads, then their a.
rule "linear_b" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_ba/kernel"
  axes   = "d (kh (bw + aw))"
  size   = { kh = linear_key_heads, bw = vh / linear_key_heads, aw = vh / linear_key_heads }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (kh (bw + aw)) -> d (kh (bw + aw))"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (kh (bw + aw)) -> d (kh (bw + aw))"
    scale  = lora_scale
  }
  to     = "(kh bw) d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_b.weight"
}

rule "linear_a" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_ba/kernel"
  axes   = "d (kh (bw + aw))"
  size   = { kh = linear_key_heads, bw = vh / linear_key_heads, aw = vh / linear_key_heads }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (kh (bw + aw)) -> d (kh (bw + aw))"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r (kh (bw + aw)) -> d (kh (bw + aw))"
    scale  = lora_scale
  }
  to     = "(kh aw) d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_a.weight"
}

rule "linear_convolution" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/conv1d/kernel"
  axes   = "k 1 c"
  size   = { c = 2 * linear_key_heads * linear_key_head_dim + vo }
  to     = "c 1 k"
  target = "{language_model}.layers.{l}.linear_attn.conv1d.weight"
}

# One array holds all experts; gate and up lie side by side in the target. LoRA exists where experts
# are dense matmuls (sparse_matmul=False): qwix splits BSM,EMH->BSEH so that A is shared, and
# BSEH,EHM->BSEM so that B is.
rule "expert_in" {
  source = "{layer}/mlp/routed_experts/{i}"
  names  = { i = ["wi_0", "wi_1"] }
  axes   = "i e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "e (i f) d"
  target = "{language_model}.layers.{l}.mlp.experts.gate_up_proj"
}

rule "expert_down" {
  source = "{layer}/mlp/routed_experts/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "e d f"
  target = "{language_model}.layers.{l}.mlp.experts.down_proj"
}

# The vision tower. MaxText keeps query, key and value apart; no LoRA on it is known.
rule "vision_patch" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionEncoder_0/patch_embed/proj/kernel"
  axes   = "pt ph pw pc w"
  to     = "w pc pt ph pw"
  target = "model.visual.patch_embed.proj.weight"
}

rule "vision_patch_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionEncoder_0/patch_embed/proj/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.patch_embed.proj.bias"
}

rule "vision_positions" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionEncoder_0/pos_embed_interpolate/pos_embed"
  axes   = "wp w"
  to     = "wp w"
  target = "model.visual.pos_embed.weight"
}

rule "vision_norm1" {
  source = "{vision_layer}/ln1/scale"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.norm1.weight"
}

rule "vision_norm1_bias" {
  source = "{vision_layer}/ln1/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.norm1.bias"
}

rule "vision_norm2" {
  source = "{vision_layer}/ln2/scale"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.norm2.weight"
}

rule "vision_norm2_bias" {
  source = "{vision_layer}/ln2/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.norm2.bias"
}

rule "vision_qkv" {
  source = "{vision_layer}/attn/attn/{i}/kernel"
  names  = { i = ["query", "key", "value"] }
  axes   = "i w wn wh"
  to     = "(i wn wh) w"
  target = "model.visual.blocks.{t}.attn.qkv.weight"
}

rule "vision_qkv_bias" {
  source = "{vision_layer}/attn/attn/{i}/bias"
  names  = { i = ["query", "key", "value"] }
  axes   = "i wn wh"
  to     = "(i wn wh)"
  target = "model.visual.blocks.{t}.attn.qkv.bias"
}

rule "vision_attention_output" {
  source = "{vision_layer}/attn/attn/out/kernel"
  axes   = "wn wh w"
  to     = "w (wn wh)"
  target = "model.visual.blocks.{t}.attn.proj.weight"
}

rule "vision_attention_output_bias" {
  source = "{vision_layer}/attn/attn/out/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.attn.proj.bias"
}

rule "vision_mlp_in" {
  source = "{vision_layer}/mlp/kernel"
  axes   = "w wf"
  to     = "wf w"
  target = "model.visual.blocks.{t}.mlp.linear_fc1.weight"
}

rule "vision_mlp_in_bias" {
  source = "{vision_layer}/mlp/bias"
  axes   = "wf"
  to     = "wf"
  target = "model.visual.blocks.{t}.mlp.linear_fc1.bias"
}

rule "vision_mlp_out" {
  source = "{vision_layer}/mlp_out/kernel"
  axes   = "wf w"
  to     = "w wf"
  target = "model.visual.blocks.{t}.mlp.linear_fc2.weight"
}

rule "vision_mlp_out_bias" {
  source = "{vision_layer}/mlp_out/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.blocks.{t}.mlp.linear_fc2.bias"
}

rule "merger_norm" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/ln_q/scale"
  axes   = "w"
  to     = "w"
  target = "model.visual.merger.norm.weight"
}

rule "merger_norm_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/ln_q/bias"
  axes   = "w"
  to     = "w"
  target = "model.visual.merger.norm.bias"
}

rule "merger_in" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/mlp_0/kernel"
  axes   = "m u"
  to     = "u m"
  target = "model.visual.merger.linear_fc1.weight"
}

rule "merger_in_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/mlp_0/bias"
  axes   = "u"
  to     = "u"
  target = "model.visual.merger.linear_fc1.bias"
}

rule "merger_out" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/mlp_2/kernel"
  axes   = "u d"
  to     = "d u"
  target = "model.visual.merger.linear_fc2.weight"
}

rule "merger_out_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Qwen3_5MoeVisionProjector_0/merger/mlp_2/bias"
  axes   = "d"
  to     = "d"
  target = "model.visual.merger.linear_fc2.bias"
}
