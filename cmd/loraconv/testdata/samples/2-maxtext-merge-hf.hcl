# The running twin of the MaxText sample spec that merges.
loraconv {
  required_plugins {
    maxtext = {
      source  = "loraconv/maxtext"
      version = "~> 0.1"
    }
  }
}

variable "bucket" {
  type    = string
  default = "../../../../examples/maxtext-llama31-lora"
}

variable "out" {
  type = string
}

variable "reference" {
  type    = string
  default = "../maxtext/llama31/expected_merged.safetensors"
}

variable "strength" {
  type    = number
  default = 0.5
}

locals {
  run = "lora"
}

source "maxtext" "base" {
  model       = "llama3.1-8b"
  path        = "${var.bucket}/checkpoint/base/0/items"
  scan_layers = true
}

source "maxtext" "adapter" {
  model = source.maxtext.base.model
  path  = "${var.bucket}/checkpoint/${local.run}/10/items"
  kind  = "lora"

  lora {
    alpha = 6 # must agree with the checkpoint's own metadata
  }
}

conversion "hf" {
  method   = "merge"
  source   = source.maxtext.base
  adapters = [source.maxtext.adapter]
  dtype    = "bfloat16"

  # First match wins, top to bottom.
  rule "embeddings_full_precision" {
    match = ["model.embed_tokens.weight"]
    dtype = "float32"
  }

  rule "half_strength_late_attention" {
    match_regex = "layers\\.[1-9]\\.self_attn\\."
    scale       = var.strength
  }

  output "huggingface" {
    path           = var.out
    max_shard_size = "50KB"
    template       = "${var.bucket}/template" # config.json, tokenizer: copied byte for byte
    card           = true                     # README.md with the spec, versions, checksums
  }

  check "reference" {
    path      = var.reference # a known-good export, tensor by tensor
    max_abs   = 0.0078125
    on_breach = "warn"
  }

  expect "complete" {
    condition     = result.tensors == result.expected_tensors
    error_message = "Expected ${result.expected_tensors} tensors, wrote ${result.tensors}."
  }
}
