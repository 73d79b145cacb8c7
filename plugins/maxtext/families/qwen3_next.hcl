# Qwen3-Next: three layers of linear attention, then one of full attention.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN3_NEXT_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/padded", "shared/model", "shared/qwen3_next"]

letters = {
  z  = "qkvz width"
  ba = "ba width"
  c  = "convolution channels"
}

rule "linear_in" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_qkvz/kernel"
  axes   = "d z"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r z -> d z"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r z -> d z"
    scale  = lora_scale
  }
  to     = "z d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_qkvz.weight"
}

rule "linear_gates" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/in_proj_ba/kernel"
  axes   = "d ba"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r ba -> d ba"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r ba -> d ba"
    scale  = lora_scale
  }
  to     = "ba d"
  target = "{language_model}.layers.{l}.linear_attn.in_proj_ba.weight"
}

rule "linear_convolution" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/conv1d/kernel"
  axes   = "k 1 c"
  to     = "c 1 k"
  target = "{language_model}.layers.{l}.linear_attn.conv1d.weight"
}

# One array holds all experts. LoRA exists where experts are dense matmuls (sparse_matmul=False):
# qwix splits BSM,EMH->BSEH so that A is shared, and BSEH,EHM->BSEM so that B is.
rule "expert_gate" {
  source = "{layer}/mlp/routed_experts/wi_0"
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
  source = "{layer}/mlp/routed_experts/wi_1"
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
  source = "{layer}/mlp/routed_experts/wo"
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
