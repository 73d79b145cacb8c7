# The vocabulary is padded to a round number; the target has the model's own.
rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  to     = "v d"
  target = "model.embed_tokens.weight"
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
    scale  = 1
  }
  to     = "v d"
  target = "lm_head.weight"
}
