# What every table has.

roots = ["params/params", "params", "base"]

letters = {
  d = "width"
}

# qwix LoraProvider: the forward adds (x A B) * alpha / rank; neither factor holds the scale.
define "lora_scale" {
  value = alpha / r
}

rule "final_norm" {
  source = "decoder/decoder_norm/scale"
  axes   = "d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r -> d"
    scale  = lora_scale
  }
  to     = "d"
  target = "{language_model}.norm.weight"
}

drop "rng" {
  source = "**/rngs/**"
  reason = "state of a random number generator: not part of the model"
}

refuse "unknown_lora" {
  source = "**/*lora*"
  reason = "no row has LoRA on this parameter, so there is no formula that would merge it"
}
