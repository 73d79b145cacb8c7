# Per key head, the columns of q, k, v and z lie side by side; one target takes
# the first three, by kind, another the last.
block "layer" {
  at "decoder/layers_{l}" {}
}

rule "linear_attention_in" {
  source = "{layer}/attention/in_proj_qkvz/kernel"
  axes   = "d (g (q + k + v + z))"
  size   = { g = key_heads, q = key_dim, k = key_dim, v = value_dim, z = value_dim }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g (q + k + v + z)) -> d (g (q + k + v + z))"
    scale  = alpha / r
  }
  to     = "((g q) + (g k) + (g v)) d"
  target = "model.layers.{l}.linear_attn.in_proj_qkv.weight"
}

rule "linear_attention_gate" {
  source = "{layer}/attention/in_proj_qkvz/kernel"
  axes   = "d (g (q + k + v + z))"
  size   = { g = key_heads, q = key_dim, k = key_dim, v = value_dim, z = value_dim }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g (q + k + v + z)) -> d (g (q + k + v + z))"
    scale  = alpha / r
  }
  to     = "(g z) d"
  target = "model.layers.{l}.linear_attn.in_proj_z.weight"
}
