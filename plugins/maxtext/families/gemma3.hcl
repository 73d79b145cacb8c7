# Gemma 3, with its vision tower. The importer added 1 to every norm of the language model and
# multiplied the embedding by bf16(sqrt(width)).
# MaxText checkpoint_conversion/utils/param_mapping.py: GEMMA3_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/gemma", "shared/attention", "shared/mlp"]

letters = {
  l  = "layers"
  w  = "vision width"
  wn = "vision heads"
  wh = "vision head dim"
  wf = "vision mlp dim"
  wp = "vision positions"
}

# The importer multiplied the embedding by bf16(sqrt(width)), whose inverse gives back the published
# bits; MaxText's forward divides by the exact root.
define "embedding_scale" {
  value = bf16(sqrt(d))
}

# Layers come in cycles of six; those that do not fill a cycle are stored apart.
block "layer" {
  at "decoder/layers/layers_{b}" {
    stack = "j"
    l     = 6*j + b
  }
  at "decoder/layers_remainder/layers_{t}" {
    l = 6*count("j") + t
  }
  at "decoder/layers_{l}" {}
}

block "vision_layer" {
  optional = true
  at "vision_encoder/Gemma3VisionEncoderLayer_0/Transformer/encoderblock_{t}" {}
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
  add    = -1
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.q_norm.weight"
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
  add    = -1
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.k_norm.weight"
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
  add    = -1
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
  add    = -1
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
  add    = -1
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
  add    = -1
  to     = "d"
  target = "{language_model}.layers.{l}.post_feedforward_layernorm.weight"
}

# The vision tower. No LoRA on it is known.
rule "vision_patch" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Gemma3VisionEncoderLayer_0/embedding/kernel"
  axes   = "ph pw pc w"
  to     = "w pc ph pw"
  target = "{tower}vision_tower.vision_model.embeddings.patch_embedding.weight"
}

rule "vision_patch_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Gemma3VisionEncoderLayer_0/embedding/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.embeddings.patch_embedding.bias"
}

rule "vision_positions" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Gemma3VisionEncoderLayer_0/pos_embedding"
  axes   = "1 wp w"
  to     = "wp w"
  target = "{tower}vision_tower.vision_model.embeddings.position_embedding.weight"
}

rule "vision_final_norm" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Gemma3VisionEncoderLayer_0/Transformer/encoder_norm/scale"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.post_layernorm.weight"
}

rule "vision_final_norm_bias" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/Gemma3VisionEncoderLayer_0/Transformer/encoder_norm/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.post_layernorm.bias"
}

rule "vision_projection" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/VisionEmbedder_0/mm_input_projection/w"
  axes   = "w d"
  to     = "w d"
  target = "{tower}multi_modal_projector.mm_input_projection_weight"
}

rule "vision_projection_norm" {
  when   = has("vision_encoder/**")
  source = "vision_encoder/VisionEmbedder_0/mm_soft_embedding_norm/scale"
  axes   = "w"
  add    = -1
  to     = "w"
  target = "{tower}multi_modal_projector.mm_soft_emb_norm.weight"
}

rule "vision_norm1" {
  source = "{vision_layer}/LayerNorm_0/scale"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.layer_norm1.weight"
}

rule "vision_norm1_bias" {
  source = "{vision_layer}/LayerNorm_0/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.layer_norm1.bias"
}

rule "vision_norm2" {
  source = "{vision_layer}/LayerNorm_1/scale"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.layer_norm2.weight"
}

rule "vision_norm2_bias" {
  source = "{vision_layer}/LayerNorm_1/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.layer_norm2.bias"
}

rule "vision_query" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/query/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.q_proj.weight"
}

rule "vision_query_bias" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/query/bias"
  axes   = "wn wh"
  to     = "(wn wh)"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.q_proj.bias"
}

rule "vision_key" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/key/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.k_proj.weight"
}

rule "vision_key_bias" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/key/bias"
  axes   = "wn wh"
  to     = "(wn wh)"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.k_proj.bias"
}

rule "vision_value" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/value/kernel"
  axes   = "w wn wh"
  to     = "(wn wh) w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.v_proj.weight"
}

rule "vision_value_bias" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/value/bias"
  axes   = "wn wh"
  to     = "(wn wh)"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.v_proj.bias"
}

rule "vision_attention_output" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/out/kernel"
  axes   = "wn wh w"
  to     = "w (wn wh)"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.out_proj.weight"
}

rule "vision_attention_output_bias" {
  source = "{vision_layer}/MultiHeadDotProductAttention_0/out/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.self_attn.out_proj.bias"
}

rule "vision_mlp_in" {
  source = "{vision_layer}/MlpBlockViT_0/Dense_0/kernel"
  axes   = "w wf"
  to     = "wf w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.mlp.fc1.weight"
}

rule "vision_mlp_in_bias" {
  source = "{vision_layer}/MlpBlockViT_0/Dense_0/bias"
  axes   = "wf"
  to     = "wf"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.mlp.fc1.bias"
}

rule "vision_mlp_out" {
  source = "{vision_layer}/MlpBlockViT_0/Dense_1/kernel"
  axes   = "wf w"
  to     = "w wf"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.mlp.fc2.weight"
}

rule "vision_mlp_out_bias" {
  source = "{vision_layer}/MlpBlockViT_0/Dense_1/bias"
  axes   = "w"
  to     = "w"
  target = "{tower}vision_tower.vision_model.encoder.layers.{t}.mlp.fc2.bias"
}
