# Layers come in cycles of six; those that do not fill a cycle are stored apart.
block "layer" {
  count = layers
  at "decoder/layers/layers_{b}" {
    stack = "j"
    l     = 6*j + b
  }
  at "decoder/layers_remainder/layers_{r}" {
    l = 6*count("j") + r
  }
  at "decoder/layers_{l}" {}
}

rule "value" {
  source = "{layer}/self_attention/value/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = 1
  }
  to     = "(g h) d"
  target = "model.layers.{l}.self_attn.v_proj.weight"
}
