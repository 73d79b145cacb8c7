# The running twin of the sample spec that converts every step of every run.
loraconv {
  required_version = ">= 0.1.0"
  required_plugins {
    maxtext = {
      source  = "loraconv/maxtext"
      version = ">= 0.1.0, < 0.3.0"
    }
  }
}

variable "runs" {
  description = "Training runs to export."
  type = map(object({
    model = string
    steps = list(number)
    alpha = optional(number, 6)
  }))
  default = {
    lora = { model = "llama3.1-8b", steps = [10] }
  }
}

variable "root" {
  type    = string
  default = "../../../../examples/maxtext-llama31-lora/checkpoint"
}

variable "out" {
  type = string
}

locals {
  jobs = merge([
    for name, run in var.runs : {
      for s in run.steps : "${name}-${s}" => {
        model = run.model
        alpha = run.alpha
        path  = "${var.root}/${name}/${s}/items"
      }
    }
  ]...)
}

source "maxtext" "lora" {
  for_each = local.jobs
  model    = each.value.model
  path     = each.value.path
  kind     = "lora"

  lora {
    alpha = each.value.alpha
  }
}

conversion "peft" {
  for_each = local.jobs
  method   = "adapter"
  source   = source.maxtext.lora[each.key]

  output "peft" {
    path     = "${var.out}/${each.key}"
    template = "../../../../examples/maxtext-llama31-lora/template"
  }
}

execution "slurm" {
  shards    = 16
  partition = "cpu"
  scratch   = "/shared/loraconv"
  retries   = 2
}

execution "kubernetes" {
  shards    = 64
  namespace = "research"
  image     = "ghcr.io/acme/loraconv:0.1.0"
  queue     = "cpu-batch"
  scratch   = "gs://acme-scratch/loraconv"
}
