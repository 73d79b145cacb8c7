# The running twin of the OpenPI sample spec: a real checkpoint, small.
loraconv {
  required_version = ">= 0.1.0, < 1.0.0"

  required_plugins {
    openpi = {
      source  = "loraconv/openpi"
      version = "~> 0.1"
    }
  }
}

variable "checkpoint" {
  type        = string
  default     = "../../../../examples/openpi-pi05-lora/checkpoint/3"
  description = "Step directory written by openpi's train.py (it holds params/ and assets/)."

  validation {
    condition     = fileexists("${var.checkpoint}/params/_METADATA")
    error_message = "checkpoint must be an openpi step directory."
  }
}

variable "out" {
  type = string
}

variable "least" {
  type    = number
  default = 0.98
}

source "openpi" "finetune" {
  path = var.checkpoint

  lora {
    alpha         = 4
    alpha_pattern = { "**/attn/*_einsum_1/w" = 3 }
  }
}

conversion "robot" {
  method = "merge"
  source = source.openpi.finetune
  dtype  = "bfloat16"

  compute {
    memory  = "256MiB"
    workers = 2
  }

  output "pytorch" {
    path           = var.out
    files          = ["assets/**"]
    action_horizon = 10
  }

  check "drift" {
    max_abs = 0.0078125 # against the float64 result, before rounding: one bf16 step at 1.0
  }

  expect "no_adapter_left" {
    condition     = length(result.unused) == 0
    error_message = "Source tensors nobody used: ${join(", ", result.unused)}."
  }

  expect "delta_survives" {
    condition     = result.delta_retention > var.least
    error_message = "Rounding to ${result.dtype} lost ${format("%.1f", 100 * (1 - result.delta_retention))}% of the LoRA delta; use dtype = \"float32\"."
  }
}
