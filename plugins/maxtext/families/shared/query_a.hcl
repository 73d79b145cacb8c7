# The first half of queries through a low rank.

letters = {
  d  = "width"
  qr = "query rank"
}

rule "query_a" {
  source = "{layer}/self_attention/wq_a/kernel"
  axes   = "d qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r qr -> d qr"
    scale  = lora_scale
  }
  to     = "qr d"
  target = "{language_model}.layers.{l}.self_attn.q_a_proj.weight"
}
