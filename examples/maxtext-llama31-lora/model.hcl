# A MaxText LoRA fine-tune of Llama 3.1 becomes a Hugging Face model with the LoRA merged.

variable "out" {
  type    = string
  default = "out/model"
}

source "maxtext" "base" {
  path  = "checkpoint/base"
  model = "llama3.1-8b" # MaxText's model_name
}

source "maxtext" "tuned" {
  path = "checkpoint/lora" # holds rank and alpha; a save by Tunix needs lora { alpha = … }
}

conversion "model" {
  source   = source.maxtext.base
  adapters = [source.maxtext.tuned]
  dtype    = "bfloat16"

  output "huggingface" {
    path     = var.out
    template = "template" # a copy of the base model's repository
  }
}
