# DeepSeek V3.2: V3 with an indexer beside every layer's attention.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING;
# the indexer is layers/attention_mla.py Indexer.

include = ["shared/embedding", "shared/model", "shared/deepseek", "shared/deepseek_query", "shared/norms"]

letters = {
  in = "indexer heads"
  ih = "indexer head dim"
}

# The indexer scores keys with heads of its own. Its query comes from the same low rank as attention's.
rule "indexer_query" {
  source = "{layer}/self_attention/indexer/wq_b/kernel"
  axes   = "qr in ih"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (in ih) -> qr in ih"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r in ih -> qr in ih"
    scale  = lora_scale
  }
  to     = "(in ih) qr"
  target = "{language_model}.layers.{l}.self_attn.indexer.wq_b.weight"
}

rule "indexer_key" {
  source = "{layer}/self_attention/indexer/wk/kernel"
  axes   = "d ih"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r ih -> d ih"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r ih -> d ih"
    scale  = lora_scale
  }
  to     = "ih d"
  target = "{language_model}.layers.{l}.self_attn.indexer.wk.weight"
}

rule "indexer_weights" {
  source = "{layer}/self_attention/indexer/weights_proj/kernel"
  axes   = "d in"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r in -> d in"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r in -> d in"
    scale  = lora_scale
  }
  to     = "in d"
  target = "{language_model}.layers.{l}.self_attn.indexer.weights_proj.weight"
}

rule "indexer_key_norm" {
  source = "{layer}/self_attention/indexer/k_norm/scale"
  axes   = "ih"
  to     = "ih"
  target = "{language_model}.layers.{l}.self_attn.indexer.k_norm.weight"
}

rule "indexer_key_norm_bias" {
  source = "{layer}/self_attention/indexer/k_norm/bias"
  axes   = "ih"
  to     = "ih"
  target = "{language_model}.layers.{l}.self_attn.indexer.k_norm.bias"
}
