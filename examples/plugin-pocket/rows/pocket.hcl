# How pocket's parameters become the tensors of its PyTorch model.
#
# pocket is a made-up framework: a policy of dense layers, trained in JAX, whose
# forward pass is
#
#   x = relu(x @ (kernel + alpha/rank * lora_a @ lora_b) + bias)

letters = {
  i = "inputs"
  o = "outputs"
}

# One tensor for each layer and kind, layers_0, layers_1, …
block "layer" {
  own = "i o" # layers differ in their widths

  at "layers_{l}" {}
}

# flax keeps a kernel as [in, out], torch.nn.Linear a weight as [out, in].
rule "kernel" {
  source = "{layer}/kernel"
  axes   = "i o"
  lora {
    a      = "{layer}/lora_a"
    b      = "{layer}/lora_b"
    einsum = "i r, r o -> i o"
    scale  = alpha / r
  }
  to     = "o i"
  target = "layers.{l}.weight"
}

rule "bias" {
  source = "{layer}/bias"
  axes   = "o"
  to     = "o"
  target = "layers.{l}.bias"
}

drop "optimizer" {
  source = "opt_state/**"
  reason = "optimizer state: not part of the model"
}
