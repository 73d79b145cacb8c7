# Norms before attention and before the MLP.

letters = {
  d = "width"
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
  target = "{language_model}.layers.{l}.input_layernorm.weight"
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
  target = "{language_model}.layers.{l}.post_attention_layernorm.weight"
}
