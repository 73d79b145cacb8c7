# Qwen3-VL with experts: Qwen3-MoE and a vision tower. MaxText trains it unstacked alone.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN3_VL_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/padded", "shared/model", "shared/layer", "shared/attention", "shared/head_norms", "shared/norms", "shared/moe_block", "shared/qwen3_vision"]

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
# Published checkpoints hold gate and up side by side and not transposed. The exporter's mapping of
# stacked layers, which MaxText itself does not train, names every expert; a template decides.
rule "expert_in" {
  when   = fused_experts
  source = "{layer}/moe_block/{s}"
  axes   = "s e d f"
  names  = { s = ["wi_0", "wi_1"] }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e f -> e d f"
    scale  = lora_scale
  }
  to     = "e d (s f)"
  target = "{language_model}.layers.{l}.mlp.experts.gate_up_proj"
}

rule "expert_out" {
  when   = fused_experts
  source = "{layer}/moe_block/wo"
  axes   = "e f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "e f r, r d -> e f d"
    scale  = lora_scale
  }
  to     = "e f d"
  target = "{language_model}.layers.{l}.mlp.experts.down_proj"
}

rule "expert_gate" {
  when   = !fused_experts
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
  when   = !fused_experts
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
  when   = !fused_experts
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
