# One array holds all experts, one target each. The adapter of a dense matmul
# shares A among the experts.
block "layer" {
  at "decoder/layers" { stack = "l" }
  at "decoder/layers_{l}" {}
}

rule "experts_in" {
  source = "{layer}/MoeBlock_0/wi_0"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = alpha / r
  }
  to     = "f d"
  target = "model.layers.{l}.experts.{e}.w1.weight"
}
