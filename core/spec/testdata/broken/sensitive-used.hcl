variable "token" {
  sensitive = true
  default   = "hunter2"
  validation {
    condition     = length(var.token) > 10
    error_message = "bad ${var.token}"
  }
}
locals {
  n = var.token + 1
}
source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
