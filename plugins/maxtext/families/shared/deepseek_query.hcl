# DeepSeek V3: queries through a low rank, and a bias that balances experts.

include = ["shared/query_a"]

letters = {
  n = "heads"
  q = "query head dim"
}

rule "query_norm" {
  source = "{layer}/self_attention/q_norm/scale"
  axes   = "qr"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r -> qr"
    scale  = lora_scale
  }
  to     = "qr"
  target = "{language_model}.layers.{l}.self_attn.q_a_layernorm.weight"
}

rule "query_b" {
  source = "{layer}/self_attention/wq_b/kernel"
  axes   = "qr n q"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "qr r, r (n q) -> qr n q"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "qr r, r n q -> qr n q"
    scale  = lora_scale
  }
  to     = "(n q) qr"
  target = "{language_model}.layers.{l}.self_attn.q_b_proj.weight"
}

rule "router_bias" {
  source = "{moe}/DeepSeekMoeBlock_0/MoeBlock_0/gate/bias"
  axes   = "e"
  to     = "e"
  target = "{language_model}.layers.{count(dense) + ml}.mlp.gate.e_score_correction_bias"
}
