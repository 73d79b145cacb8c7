# Attention with heads, as it is stored, but for a factor of the query.

include = ["shared/attention"]

# The importer folded 1/sqrt(head dim) into the query.
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
  mul    = sqrt(h)
  to     = "(n h) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}
