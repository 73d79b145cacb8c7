# An MLP with a gate.

letters = {
  d = "width"
  f = "mlp dim"
}

rule "mlp_gate" {
  source = "{layer}/mlp/wi_0/kernel"
  axes   = "d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.gate_proj.weight"
}

rule "mlp_up" {
  source = "{layer}/mlp/wi_1/kernel"
  axes   = "d f"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "d r, r f -> d f"
    scale  = lora_scale
  }
  to     = "f d"
  target = "{language_model}.layers.{l}.mlp.up_proj.weight"
}

rule "mlp_down" {
  source = "{layer}/mlp/wo/kernel"
  axes   = "f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "f r, r d -> f d"
    scale  = lora_scale
  }
  lora {
    a      = "{parent}/lora_a.kernel"
    b      = "{parent}/lora_b.kernel"
    einsum = "f r, r d -> f d"
    scale  = lora_scale
  }
  to     = "d f"
  target = "{language_model}.layers.{l}.mlp.down_proj.weight"
}
