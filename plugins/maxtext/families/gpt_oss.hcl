# gpt-oss, against the dequantised (bfloat16) layout of the published model.
# MaxText checkpoint_conversion/utils/param_mapping.py: GPT_OSS_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/embedding", "shared/model", "shared/norms"]

letters = {
  l = "layers"
  n = "heads"
  g = "kv heads"
  h = "head dim"
  f = "mlp dim"
  e = "experts"
}

block "layer" {
  at "decoder/layers/layers_{b}" {
    stack = "j"
    l     = 2*j + b
  }
  at "decoder/layers_{l}" {}
}

rule "query" {
  source = "{layer}/GptOssAttention/query/kernel"
  axes   = "d n h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n h) -> d n h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n h -> d n h"
    scale  = lora_scale
  }
  to     = "(n h) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  source = "{layer}/GptOssAttention/key/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g h -> d g h"
    scale  = lora_scale
  }
  to     = "(g h) d"
  target = "{language_model}.layers.{l}.self_attn.k_proj.weight"
}

rule "value" {
  source = "{layer}/GptOssAttention/value/kernel"
  axes   = "d g h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (g h) -> d g h"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r g h -> d g h"
    scale  = lora_scale
  }
  to     = "(g h) d"
  target = "{language_model}.layers.{l}.self_attn.v_proj.weight"
}

rule "attention_output" {
  source = "{layer}/GptOssAttention/out/kernel"
  axes   = "n h d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "(n h) r, r d -> n h d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "n h r, r d -> n h d"
    scale  = lora_scale
  }
  to     = "d (n h)"
  target = "{language_model}.layers.{l}.self_attn.o_proj.weight"
}

rule "query_bias" {
  source = "{layer}/GptOssAttention/query/bias"
  axes   = "n h"
  to     = "(n h)"
  target = "{language_model}.layers.{l}.self_attn.q_proj.bias"
}

rule "key_bias" {
  source = "{layer}/GptOssAttention/key/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "{language_model}.layers.{l}.self_attn.k_proj.bias"
}

rule "value_bias" {
  source = "{layer}/GptOssAttention/value/bias"
  axes   = "g h"
  to     = "(g h)"
  target = "{language_model}.layers.{l}.self_attn.v_proj.bias"
}

rule "attention_output_bias" {
  source = "{layer}/GptOssAttention/out/bias"
  axes   = "d"
  to     = "d"
  target = "{language_model}.layers.{l}.self_attn.o_proj.bias"
}

rule "sinks" {
  source = "{layer}/GptOssAttention/sinks"
  axes   = "n"
  to     = "n"
  target = "{language_model}.layers.{l}.self_attn.sinks"
}

rule "router" {
  source = "{layer}/GptOssMlp/gate/kernel"
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
  target = "{language_model}.layers.{l}.mlp.router.weight"
}

rule "router_bias" {
  source = "{layer}/GptOssMlp/gate/bias"
  axes   = "e"
  to     = "e"
  target = "{language_model}.layers.{l}.mlp.router.bias"
}

# Gate at even and up at odd columns; experts are not transposed.
rule "expert_in" {
  source = "{layer}/GptOssMlp/{s}"
  names  = { s = ["wi_0", "wi_1"] }
  axes   = "s e d f"
  to     = "e d (f s)"
  target = "{language_model}.layers.{l}.mlp.experts.gate_up_proj"
}

rule "expert_in_bias" {
  source = "{layer}/GptOssMlp/{s}_bias"
  names  = { s = ["wi_0", "wi_1"] }
  axes   = "s e f"
  to     = "e (f s)"
  target = "{language_model}.layers.{l}.mlp.experts.gate_up_proj_bias"
}

rule "expert_down" {
  source = "{layer}/GptOssMlp/wo"
  axes   = "e f d"
  to     = "e f d"
  target = "{language_model}.layers.{l}.mlp.experts.down_proj"
}

rule "expert_down_bias" {
  source = "{layer}/GptOssMlp/wo_bias"
  axes   = "e d"
  to     = "e d"
  target = "{language_model}.layers.{l}.mlp.experts.down_proj_bias"
}
