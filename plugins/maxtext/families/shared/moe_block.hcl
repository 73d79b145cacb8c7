# Qwen3's experts.

letters = {
  d = "width"
  e = "experts"
  f = "mlp dim"
}

rule "router" {
  source = "{layer}/moe_block/gate/kernel"
  axes   = "d e"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e -> d e"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r e -> d e"
    scale  = lora_scale
  }
  to     = "e d"
  target = "{language_model}.layers.{l}.mlp.gate.weight"
}

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
rule "expert_gate" {
  source = "{layer}/moe_block/wi_0"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.gate_proj.weight"
}

rule "expert_up" {
  source = "{layer}/moe_block/wi_1"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.up_proj.weight"
}

rule "expert_down" {
  source = "{layer}/moe_block/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "{language_model}.layers.{l}.mlp.experts.{e}.down_proj.weight"
}
