# An embedding and a head whose vocabulary may be padded.

letters = {
  d = "width"
  v = "vocabulary"
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  to     = "v d"
  target = "{language_model}.embed_tokens.weight"
}

rule "head" {
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
