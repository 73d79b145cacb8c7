# The output head is the embedding, unless the checkpoint has one of its own.

letters = { v = "vocabulary", d = "width" }

define "tied" {
  value = !has("decoder/logits_dense/**")
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "v d"
  to     = "v d"
  target = "model.embed_tokens.weight"
}

rule "tied_head" {
  when   = tied
  source = "token_embedder/embedding"
  axes   = "v d"
  to     = "v d"
  target = "lm_head.weight"
}

rule "head" {
  when   = !tied
  source = "decoder/logits_dense/kernel"
  axes   = "d v"
  to     = "v d"
  target = "lm_head.weight"
}
