# Norms of queries and keys, of each head.

letters = {
  h = "head dim"
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
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.k_norm.weight"
}
