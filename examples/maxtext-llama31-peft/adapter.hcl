# A LoRA that Tunix saved becomes an adapter for PEFT, without its base model.

variable "out" {
  type    = string
  default = "out/adapter"
}

source "maxtext" "tuned" {
  path = "checkpoint" # a run: its latest step is taken

  lora {
    alpha = 12 # Tunix's saves do not hold it
  }
}

conversion "adapter" {
  source = source.maxtext.tuned
  method = "adapter"

  output "peft" {
    path                    = var.out
    template                = "template" # tells the heads that the factors are flat over
    base_model_name_or_path = "meta-llama/Llama-3.1-8B"
  }
}
