# One element holds a local and a global layer: element j is layers 2j and 2j+1.
block "pair" {
  count = layers / 2
  at "decoder/layers" { stack = "j" }
  at "decoder/layers_{j}" {}
}

capture "kind" {
  shared = true
  value "local" { which = "0" }
  value "global" { which = "1" }
}

rule "norm" {
  source = "{pair}/pre_self_attention_norm_{kind}/scale"
  axes   = "d"
  add    = -1
  to     = "d"
  target = "model.layers.{2*j + which}.input_layernorm.weight"
}

rule "down" {
  source = "{pair}/mlp_{kind}/wo/kernel"
  axes   = "f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "f r, r d -> f d"
    scale  = 1
  }
  to     = "d f"
  target = "model.layers.{2*j + which}.mlp.down_proj.weight"
}
