# An embedding that may be padded, and that may be the head too.

include = ["shared/padded"]

rule "head" {
  when   = has("decoder/logits_dense/**")
  source = "decoder/logits_dense/kernel"
  axes   = "d (v + pad)"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (v + pad) -> d (v + pad)"
    scale  = lora_scale
  }
  to     = "v d"
  target = "lm_head.weight"
}

# Where the template lists a head of its own though it is tied, it is the embedding again.
rule "tied_head" {
  when   = tied_head
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  to     = "v d"
  target = "lm_head.weight"
}
