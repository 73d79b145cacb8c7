# Mixtral.
# MaxText checkpoint_conversion/utils/param_mapping.py: MIXTRAL_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/embedding", "shared/model", "shared/layer", "shared/folded_query", "shared/norms"]

letters = {
  f = "mlp dim"
  e = "experts"
}

rule "router" {
  source = "{layer}/MoeBlock_0/gate/kernel"
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
  target = "{language_model}.layers.{l}.block_sparse_moe.gate.weight"
}

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
rule "expert_gate" {
  source = "{layer}/MoeBlock_0/wi_0"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.block_sparse_moe.experts.{e}.w1.weight"
}

rule "expert_up" {
  source = "{layer}/MoeBlock_0/wi_1"
  axes   = "e d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.block_sparse_moe.experts.{e}.w3.weight"
}

rule "expert_down" {
  source = "{layer}/MoeBlock_0/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "{language_model}.layers.{l}.block_sparse_moe.experts.{e}.w2.weight"
}
