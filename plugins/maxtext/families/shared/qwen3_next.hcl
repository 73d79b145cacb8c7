# What Qwen3-Next and Qwen3.5 share: three layers of linear attention, then one of full attention.

letters = {
  l  = "layers"
  d  = "width"
  n  = "heads"
  g  = "kv heads"
  h  = "head dim"
  f  = "mlp dim"
  e  = "experts"
  qg = "query and gate"
  o  = "attention width"
  k  = "convolution width"
  vh = "value heads"
  vd = "value head dim"
  vo = "value width"
  s  = "shared mlp dim"
}

block "layer" {
  at "decoder/layers/layer_{b}" {
    stack = "j"
    l     = 4*j + b
  }
  at "decoder/layers_{l}" {}
}

# Of each head: the query, then the gate of its output.
rule "query" {
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/query/kernel"
  axes   = "d n qg"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n qg) -> d n qg"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r n qg -> d n qg"
    scale  = lora_scale
  }
  to     = "(n qg) d"
  target = "{language_model}.layers.{l}.self_attn.q_proj.weight"
}

rule "key" {
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/key/kernel"
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
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/value/kernel"
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
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/out/kernel"
  axes   = "o d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "o r, r d -> o d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "o r, r d -> o d"
    scale  = lora_scale
  }
  to     = "d o"
  target = "{language_model}.layers.{l}.self_attn.o_proj.weight"
}

rule "query_norm" {
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/query_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.q_norm.weight"
}

rule "key_norm" {
  when   = has("{layer}/attention/attention/**")
  source = "{layer}/attention/attention/key_norm/scale"
  axes   = "h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "h r, r -> h"
    scale  = lora_scale
  }
  to     = "h"
  target = "{language_model}.layers.{l}.self_attn.k_norm.weight"
}

rule "linear_decay" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/A_log"
  axes   = "vh"
  to     = "vh"
  target = "{language_model}.layers.{l}.linear_attn.A_log"
}

rule "linear_step" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/dt_bias"
  axes   = "vh"
  to     = "vh"
  target = "{language_model}.layers.{l}.linear_attn.dt_bias"
}

rule "linear_norm" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/norm/rms_norm/scale"
  axes   = "vd"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "vd r, r -> vd"
    scale  = lora_scale
  }
  to     = "vd"
  target = "{language_model}.layers.{l}.linear_attn.norm.weight"
}

rule "linear_out" {
  when   = !has("{layer}/attention/attention/**")
  source = "{layer}/attention/out_proj/kernel"
  axes   = "vo d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "vo r, r d -> vo d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "vo r, r d -> vo d"
    scale  = lora_scale
  }
  to     = "d vo"
  target = "{language_model}.layers.{l}.linear_attn.out_proj.weight"
}

rule "attention_norm" {
  source = "{layer}/input_layernorm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "{language_model}.layers.{l}.input_layernorm.weight"
}

rule "mlp_norm" {
  source = "{layer}/post_attention_layernorm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "{language_model}.layers.{l}.post_attention_layernorm.weight"
}

rule "router" {
  source = "{layer}/mlp/routed_experts/gate/kernel"
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

rule "shared_mlp_gate" {
  source = "{layer}/mlp/shared_expert/wi_0/kernel"
  axes   = "d s"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  to     = "s d"
  target = "{language_model}.layers.{l}.mlp.shared_expert.gate_proj.weight"
}

rule "shared_mlp_up" {
  source = "{layer}/mlp/shared_expert/wi_1/kernel"
  axes   = "d s"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r s -> d s"
    scale  = lora_scale
  }
  to     = "s d"
  target = "{language_model}.layers.{l}.mlp.shared_expert.up_proj.weight"
}

rule "shared_mlp_down" {
  source = "{layer}/mlp/shared_expert/wo/kernel"
  axes   = "s d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "s r, r d -> s d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "s r, r d -> s d"
    scale  = lora_scale
  }
  to     = "d s"
  target = "{language_model}.layers.{l}.mlp.shared_expert.down_proj.weight"
}

rule "shared_gate" {
  source = "{layer}/mlp/shared_expert_gate/kernel"
  axes   = "d 1"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r 1 -> d 1"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r 1 -> d 1"
    scale  = lora_scale
  }
  to     = "1 d"
  target = "{language_model}.layers.{l}.mlp.shared_expert_gate.weight"
}
