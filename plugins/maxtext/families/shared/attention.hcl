# Attention with heads, as it is stored.

letters = {
  d = "width"
  n = "heads"
  g = "kv heads"
  h = "head dim"
}

rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n h) -> d n h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n h -> d n h"
    scale  = lora_scale
  }
  to     = "(n h) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{layer}/self_attention/key/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g h -> d g h"
    scale  = lora_scale
  }
  to     = "(g h) d"
  target = "{language_model}.layers.{l}.self_attn.k_proj.weight"
}

rule "value" {
  source = "{layer}/self_attention/value/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g h -> d g h"
    scale  = lora_scale
  }
  to     = "(g h) d"
  target = "{language_model}.layers.{l}.self_attn.v_proj.weight"
}

rule "attention_output" {
  source = "{layer}/self_attention/out/kernel"
  axes   = "n h d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "(n h) r, r d -> n h d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "n h r, r d -> n h d"
    scale  = lora_scale
  }
  to     = "d (n h)"
  target = "{language_model}.layers.{l}.self_attn.o_proj.weight"
}
