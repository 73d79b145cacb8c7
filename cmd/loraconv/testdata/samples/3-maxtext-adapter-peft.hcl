# The running twin of the MaxText sample spec that exports an adapter.
loraconv {
  required_plugins {
    maxtext = {
      source  = "loraconv/maxtext"
      version = "~> 0.1"
    }
  }
}

variable "adapter" {
  type    = string
  default = "../../../../examples/maxtext-llama31-lora/checkpoint/lora/10/items"
}

variable "out" {
  type = string
}

variable "modules" {
  type    = list(string)
  default = ["q_proj", "v_proj"]
}

source "maxtext" "adapter" {
  model = "llama3.1-8b"
  path  = var.adapter
  kind  = "lora"
}

conversion "peft" {
  method = "adapter"
  source = source.maxtext.adapter

  output "peft" {
    path                    = var.out
    base_model_name_or_path = "meta-llama/Llama-3.1-8B"
    task_type               = "CAUSAL_LM"
    template                = "../../../../examples/maxtext-llama31-lora/template"
  }

  check "roundtrip" {} # read the written file back, rebuild A@B, compare

  expect "modules" {
    condition     = alltrue([for m in var.modules : contains(result.target_modules, m)])
    error_message = "The adapter only has ${join(", ", result.target_modules)}."
  }
}
