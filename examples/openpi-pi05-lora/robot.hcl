# An OpenPI pi0.5 LoRA fine-tune (JAX, Orbax) becomes a PyTorch model.

variable "checkpoint" {
  type        = string
  default     = "checkpoint"
  description = "A run directory, or one of its steps, as openpi's train.py writes it."
}

variable "out" {
  type    = string
  default = "out/robot"
}

source "openpi" "ft" {
  path = var.checkpoint

  lora {
    alpha = 4 # PaliGemma's LoRAConfig; no checkpoint holds it

    alpha_pattern = {
      "**/attn/*_einsum_1/w" = 3 # the action expert's
    }
  }
}

conversion "robot" {
  source = source.openpi.ft
  dtype  = "mixed" # each tensor in the type that openpi's PyTorch model keeps it in

  output "pytorch" {
    path           = var.out
    action_horizon = 10
  }
}
