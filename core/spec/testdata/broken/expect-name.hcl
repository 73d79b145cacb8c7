source "openpi" "finetune" {
  path = "ckpt"
}

variable "word" {
  type      = string
  default   = "hunter2"
  sensitive = true
}

conversion "robot" {
  source = source.openpi.finetune
  expect "no adapter" {
    condition     = result.tensors > 0
    error_message = "no"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
