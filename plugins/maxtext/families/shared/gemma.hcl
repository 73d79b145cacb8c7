# What all of Gemma's tables have: the importer multiplied the embedding, which is the head too, and
# added 1 to norms.

include = ["shared/model"]

letters = {
  v               = "vocabulary"
  embedding_scale = "embedding scale"
}

# The importer multiplied the embedding by the root of the width, in float32.
define "embedding_scale" {
  value = sqrt(d)
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "(v + pad) d"
  size   = { v = vocabulary }
  drop   = { pad = "padding of the vocabulary" }
  div    = embedding_scale
  to     = "v d"
  target = "{language_model}.embed_tokens.weight"
}

rule "final_norm" {
  source = "decoder/decoder_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  add    = -1
  to     = "d"
  target = "{language_model}.norm.weight"
}
