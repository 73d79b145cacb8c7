# Two arrays side by side, gate at even and up at odd columns.
block "layer" {
  at "decoder/layers/layers_{b}" {
    stack = "j"
    l     = 2*j + b
  }
}

rule "experts_in" {
  source = "{layer}/GptOssMlp/{s}"
  names  = { s = ["wi_0", "wi_1"] }
  axes   = "s e d f"
  to     = "e d (f s)"
  target = "model.layers.{l}.mlp.experts.gate_up_proj"
}

rule "experts_in_bias" {
  source = "{layer}/GptOssMlp/{s}_bias"
  names  = { s = ["wi_0", "wi_1"] }
  axes   = "s e f"
  to     = "e (f s)"
  target = "model.layers.{l}.mlp.experts.gate_up_proj_bias"
}
