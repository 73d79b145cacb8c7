# Rotary pairs interleaved in the source and in halves in the target; a factor
# that the source holds; layers in one array or apart.
block "layer" {
  at "decoder/layers" { stack = "l" }
  at "decoder/layers_{l}" {}
}

rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n (half two)"
  size   = { two = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = alpha / r
  }
  mul    = sqrt(half * two)
  to     = "(n two half) d"
  target = "model.layers.{l}.self_attn.q_proj.weight"
}
