# Fused projections: one array holds keys and values, or queries too.
rule "key_value" {
  source = "attn/kv_einsum/w"
  axes   = "l s g d h"
  names  = { s = ["k_proj", "v_proj"] }
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l s g d r, l s g r h -> l s g d h"
    scale  = alpha / r
  }
  to     = "(g h) d"
  target = "kv.layers.{l}.{s}.weight"
}

rule "query_key_value" {
  source = "attn/qkv_einsum/w"
  axes   = "l s n d h"
  names  = { s = ["q_proj", "k_proj", "v_proj"] }
  lora {
    a      = "{parent}/lora_a"
    b      = "{parent}/lora_b"
    einsum = "l s n d r, l s n r h -> l s n d h"
    scale  = alpha / sqrt(r)
  }
  to     = "(n h) d"
  target = "qkv.layers.{l}.{s}.weight"
}
