loraconv {
  required_plugins {
    pocket = {
      source  = "example.com/lab/pocket"
      version = "~> 0.1"
    }
  }
}

variable "out" {
  type    = string
  default = "out/model"
}

source "pocket" "ft" {
  path = "checkpoint"

  lora {
    alpha = 8 # no checkpoint of pocket holds it
  }
}

conversion "model" {
  source = source.pocket.ft

  output "pytorch" {
    path = var.out
  }
}
