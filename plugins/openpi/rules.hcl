# How OpenPI's JAX parameters become the tensors of its PyTorch model.
# Sources: models/{pi0,pi0_fast,gemma,gemma_fast,siglip,lora}.py for the trees and
# the LoRA arithmetic, models_pytorch/*.py for the targets.

roots   = ["params"]
runtime = "bfloat16" # gemma_pytorch.py to_bfloat16_for_selected_params; rows say where it keeps float32

letters = {
  l     = "layers"
  n     = "heads"
  g     = "kv heads"
  d     = "width"
  h     = "head dim"
  f     = "mlp dim"
  vocab = "vocabulary"
  a     = "action dim"
  m3    = "modulation width"
  t     = "joined width"
  vl    = "vision layers"
  vd    = "vision width"
  vf    = "vision mlp dim"
  vn    = "vision heads"
  vh    = "vision head dim"
  p     = "vision positions"
  ph    = "patch height"
  pw    = "patch width"
  c     = "image channels"
}

# models/gemma.py Module: expert 0 is PaliGemma's language model, expert 1 the action
# expert, whose modules carry the suffix "_1". pi0-FAST has only the first.
capture "expert" {
  value "" {
    tower = "paligemma_with_expert.paligemma.model.language_model"
  }
  value "_1" {
    tower = "paligemma_with_expert.gemma_expert.model"
    when  = model != "pi0_fast"
  }
}

# models/lora.py Einsum: scaling_value is alpha/rank, with rslora alpha/sqrt(rank).
define "attention_scale" {
  value = rslora ? alpha / sqrt(r) : alpha / r
}

# models/gemma.py Attention.setup: one fused einsum where every head has its own key and
# value (num_kv_heads == num_heads), else q and kv apart.
define "fused" {
  value = has("PaliGemma/llm/layers/attn/qkv_einsum*/**")
}

rule "query_key_value" {
  when   = fused
  source = "PaliGemma/llm/layers/attn/qkv_einsum{expert}/w"
  axes   = "l s n d h"
  names  = { s = ["q_proj", "k_proj", "v_proj"] }
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l s n d r, l s n r h -> l s n d h"
    scale  = attention_scale
  }
  to     = "(n h) d"
  target = "{tower}.layers.{l}.self_attn.{s}.weight"
}

rule "query" {
  when   = !fused
  source = "PaliGemma/llm/layers/attn/q_einsum{expert}/w"
  axes   = "l n d h"
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l n d r, l n r h -> l n d h"
    scale  = attention_scale
  }
  to     = "(n h) d"
  target = "{tower}.layers.{l}.self_attn.q_proj.weight"
}

rule "key_value" {
  when   = !fused
  source = "PaliGemma/llm/layers/attn/kv_einsum{expert}/w"
  axes   = "l s g d h"
  names  = { s = ["k_proj", "v_proj"] }
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l s g d r, l s g r h -> l s g d h"
    scale  = attention_scale
  }
  to     = "(g h) d"
  target = "{tower}.layers.{l}.self_attn.{s}.weight"
}

# models/lora.py Einsum, with BTNH,NHD->BTD: its second einsum is BTL,NLD->BTD, which sums
# lora_b over the heads. So m is a one-sided sum, and A@B per head would be wrong.
rule "attention_output" {
  source = "PaliGemma/llm/layers/attn/attn_vec_einsum{expert}/w"
  axes   = "l n h d"
  size   = { m = n }
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l n h r, l m r d -> l n h d"
    scale  = attention_scale
  }
  to     = "d (n h)"
  target = "{tower}.layers.{l}.self_attn.o_proj.weight"
}

# models/lora.py FeedForward._dot: x@W + (x@a)@b, without alpha or rank.
rule "feed_forward_in" {
  source = "PaliGemma/llm/layers/mlp{expert}/gating_einsum"
  axes   = "l s d f"
  names  = { s = ["gate_proj", "up_proj"] }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "l s d r, l s r f -> l s d f"
    scale  = 1
  }
  to     = "f d"
  target = "{tower}.layers.{l}.mlp.{s}.weight"
}

rule "feed_forward_out" {
  source = "PaliGemma/llm/layers/mlp{expert}/linear"
  axes   = "l f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "l f r, l r d -> l f d"
    scale  = 1
  }
  to     = "d f"
  target = "{tower}.layers.{l}.mlp.down_proj.weight"
}

# models/gemma.py RMSNorm: both frameworks compute 1 + scale. In pi05 the action expert's
# norms are adaptive: a Dense layer gives scale, shift and gate, side by side in both.
rule "attention_norm" {
  when    = !(model == "pi05" && expert == "_1")
  source  = "PaliGemma/llm/layers/pre_attention_norm{expert}/scale"
  axes    = "l d"
  to      = "d"
  runtime = "float32"
  target  = "{tower}.layers.{l}.input_layernorm.weight"
}

rule "feed_forward_norm" {
  when    = !(model == "pi05" && expert == "_1")
  source  = "PaliGemma/llm/layers/pre_ffw_norm{expert}/scale"
  axes    = "l d"
  to      = "d"
  runtime = "float32"
  target  = "{tower}.layers.{l}.post_attention_layernorm.weight"
}

rule "final_norm" {
  when    = !(model == "pi05" && expert == "_1")
  source  = "PaliGemma/llm/final_norm{expert}/scale"
  axes    = "d"
  to      = "d"
  runtime = "float32"
  target  = "{tower}.norm.weight"
}

rule "attention_modulation" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/layers/pre_attention_norm{expert}/Dense_0/kernel"
  axes    = "l d m3"
  size    = { m3 = 3 * d }
  to      = "m3 d"
  runtime = "float32"
  target  = "{tower}.layers.{l}.input_layernorm.dense.weight"
}

rule "attention_modulation_bias" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/layers/pre_attention_norm{expert}/Dense_0/bias"
  axes    = "l m3"
  to      = "m3"
  runtime = "float32"
  target  = "{tower}.layers.{l}.input_layernorm.dense.bias"
}

rule "feed_forward_modulation" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/layers/pre_ffw_norm{expert}/Dense_0/kernel"
  axes    = "l d m3"
  size    = { m3 = 3 * d }
  to      = "m3 d"
  runtime = "float32"
  target  = "{tower}.layers.{l}.post_attention_layernorm.dense.weight"
}

rule "feed_forward_modulation_bias" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/layers/pre_ffw_norm{expert}/Dense_0/bias"
  axes    = "l m3"
  to      = "m3"
  runtime = "float32"
  target  = "{tower}.layers.{l}.post_attention_layernorm.dense.bias"
}

rule "final_modulation" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/final_norm{expert}/Dense_0/kernel"
  axes    = "d m3"
  size    = { m3 = 3 * d }
  to      = "m3 d"
  runtime = "float32"
  target  = "{tower}.norm.dense.weight"
}

rule "final_modulation_bias" {
  when    = model == "pi05" && expert == "_1"
  source  = "PaliGemma/llm/final_norm{expert}/Dense_0/bias"
  axes    = "m3"
  to      = "m3"
  runtime = "float32"
  target  = "{tower}.norm.dense.bias"
}

# PaliGemma ties lm_head and embed_tokens. safetensors' save_model keeps the name that sorts
# first, and a strict load refuses a file that holds both.
rule "embedding" {
  where  = { expert = "" }
  source = "PaliGemma/llm/embedder/input_embedding"
  axes   = "vocab d"
  to     = "vocab d"
  target = "paligemma_with_expert.paligemma.lm_head.weight"
}

# gemma_pytorch.py builds an output head for the action expert that nothing calls; JAX has
# none, and a strict load wants it.
rule "unused_expert_head" {
  when   = model != "pi0_fast"
  where  = { expert = "_1" }
  axes   = "vocab d"
  size   = { vocab = vocabulary }
  fill   = 0
  to     = "vocab d"
  target = "paligemma_with_expert.gemma_expert.lm_head.weight"
}

# models/siglip.py Module: the So400m/14 tower, never with LoRA.
rule "patch_embedding" {
  where   = { expert = "" }
  source  = "PaliGemma/img/embedding/kernel"
  axes    = "ph pw c vd"
  to      = "vd c ph pw"
  runtime = "float32"
  target  = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding.weight"
}

rule "patch_embedding_bias" {
  where   = { expert = "" }
  source  = "PaliGemma/img/embedding/bias"
  axes    = "vd"
  to      = "vd"
  runtime = "float32"
  target  = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding.bias"
}

rule "position_embedding" {
  where   = { expert = "" }
  source  = "PaliGemma/img/pos_embedding"
  axes    = "1 p vd"
  to      = "p vd"
  runtime = "float32"
  target  = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.position_embedding.weight"
}

rule "vision_attention_norm" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/LayerNorm_0/scale"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.layer_norm1.weight"
}

rule "vision_attention_norm_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/LayerNorm_0/bias"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.layer_norm1.bias"
}

rule "vision_mlp_norm" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/LayerNorm_1/scale"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.layer_norm2.weight"
}

rule "vision_mlp_norm_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/LayerNorm_1/bias"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.layer_norm2.bias"
}

rule "vision_mlp_in" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MlpBlock_0/Dense_0/kernel"
  axes   = "vl vd vf"
  to     = "vf vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.mlp.fc1.weight"
}

rule "vision_mlp_in_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MlpBlock_0/Dense_0/bias"
  axes   = "vl vf"
  to     = "vf"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.mlp.fc1.bias"
}

rule "vision_mlp_out" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MlpBlock_0/Dense_1/kernel"
  axes   = "vl vf vd"
  to     = "vd vf"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.mlp.fc2.weight"
}

rule "vision_mlp_out_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MlpBlock_0/Dense_1/bias"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.mlp.fc2.bias"
}

capture "projection" {
  shared = true
  value "query" { letter = "q" }
  value "key" { letter = "k" }
  value "value" { letter = "v" }
}

rule "vision_attention_in" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MultiHeadDotProductAttention_0/{projection}/kernel"
  axes   = "vl vd vn vh"
  to     = "(vn vh) vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.self_attn.{letter}_proj.weight"
}

rule "vision_attention_in_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MultiHeadDotProductAttention_0/{projection}/bias"
  axes   = "vl vn vh"
  to     = "(vn vh)"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.self_attn.{letter}_proj.bias"
}

rule "vision_attention_out" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MultiHeadDotProductAttention_0/out/kernel"
  axes   = "vl vn vh vd"
  to     = "vd (vn vh)"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.self_attn.out_proj.weight"
}

rule "vision_attention_out_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoderblock/MultiHeadDotProductAttention_0/out/bias"
  axes   = "vl vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.encoder.layers.{vl}.self_attn.out_proj.bias"
}

rule "vision_final_norm" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoder_norm/scale"
  axes   = "vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.post_layernorm.weight"
}

rule "vision_final_norm_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/Transformer/encoder_norm/bias"
  axes   = "vd"
  to     = "vd"
  target = "paligemma_with_expert.paligemma.model.vision_tower.vision_model.post_layernorm.bias"
}

rule "projector" {
  where  = { expert = "" }
  source = "PaliGemma/img/head/kernel"
  axes   = "vd d"
  to     = "d vd"
  target = "paligemma_with_expert.paligemma.model.multi_modal_projector.linear.weight"
}

rule "projector_bias" {
  where  = { expert = "" }
  source = "PaliGemma/img/head/bias"
  axes   = "d"
  to     = "d"
  target = "paligemma_with_expert.paligemma.model.multi_modal_projector.linear.bias"
}

# models/pi0.py Pi0.__init__: nnx.Linear layers, kernel (in, out). They stay outside
# paligemma_with_expert and so in float32.
rule "action_in" {
  when    = model != "pi0_fast"
  where   = { expert = "_1" }
  source  = "action_in_proj/kernel"
  axes    = "a d"
  to      = "d a"
  runtime = "float32"
  target  = "action_in_proj.weight"
}

rule "action_in_bias" {
  when    = model != "pi0_fast"
  where   = { expert = "_1" }
  source  = "action_in_proj/bias"
  axes    = "d"
  to      = "d"
  runtime = "float32"
  target  = "action_in_proj.bias"
}

rule "action_out" {
  when    = model != "pi0_fast"
  where   = { expert = "_1" }
  source  = "action_out_proj/kernel"
  axes    = "d a"
  to      = "a d"
  runtime = "float32"
  target  = "action_out_proj.weight"
}

rule "action_out_bias" {
  when    = model != "pi0_fast"
  where   = { expert = "_1" }
  source  = "action_out_proj/bias"
  axes    = "a"
  to      = "a"
  runtime = "float32"
  target  = "action_out_proj.bias"
}

rule "state" {
  when    = model == "pi0"
  where   = { expert = "_1" }
  source  = "state_proj/kernel"
  axes    = "a d"
  to      = "d a"
  runtime = "float32"
  target  = "state_proj.weight"
}

rule "state_bias" {
  when    = model == "pi0"
  where   = { expert = "_1" }
  source  = "state_proj/bias"
  axes    = "d"
  to      = "d"
  runtime = "float32"
  target  = "state_proj.bias"
}

# Action and time embeddings side by side.
rule "action_time_in" {
  when    = model == "pi0"
  where   = { expert = "_1" }
  source  = "action_time_mlp_in/kernel"
  axes    = "t d"
  size    = { t = 2 * d }
  to      = "d t"
  runtime = "float32"
  target  = "action_time_mlp_in.weight"
}

rule "action_time_in_bias" {
  when    = model == "pi0"
  where   = { expert = "_1" }
  source  = "action_time_mlp_in/bias"
  axes    = "d"
  to      = "d"
  runtime = "float32"
  target  = "action_time_mlp_in.bias"
}

# Square layers between the time embedding and the action expert.
capture "square" {
  shared = true
  value "action_time_mlp_out" { when = model == "pi0" }
  value "time_mlp_in" { when = model == "pi05" }
  value "time_mlp_out" { when = model == "pi05" }
}

rule "time_mlp" {
  where   = { expert = "_1" }
  source  = "{square}/kernel"
  axes    = "i d"
  size    = { i = d }
  to      = "d i"
  runtime = "float32"
  target  = "{square}.weight"
}

rule "time_mlp_bias" {
  where   = { expert = "_1" }
  source  = "{square}/bias"
  axes    = "d"
  to      = "d"
  runtime = "float32"
  target  = "{square}.bias"
}

refuse "mixture_of_lora" {
  source = "**/*lora*_experts"
  reason = "a mixture of LoRA experts has no merged weight: which expert applies depends on the input"
}

refuse "lora_router" {
  source = "**/lora_router/**"
  reason = "a routed LoRA has no merged weight: which expert applies depends on the input"
}

refuse "lora_router_leaf" {
  source = "**/*lora_router*"
  reason = "a routed LoRA has no merged weight: which expert applies depends on the input"
}

refuse "unknown_lora" {
  source = "**/*lora*"
  reason = "openpi's runtime has no LoRA of this name, so there is no formula that would merge it"
}
