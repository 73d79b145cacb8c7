# An embedding and a head whose vocabulary is not padded.

letters = {
  d = "width"
  v = "vocabulary"
}

rule "embedding" {
  source = "token_embedder/embedding"
  axes   = "v d"
  to     = "v d"
  target = "{language_model}.embed_tokens.weight"
}

rule "head" {
  source = "decoder/logits_dense/kernel"
  axes   = "d v"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r v -> d v"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r v -> d v"
    scale  = lora_scale
  }
  to     = "v d"
  target = "lm_head.weight"
}
