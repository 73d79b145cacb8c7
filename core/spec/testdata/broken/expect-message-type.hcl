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
  expect "x" {
    condition     = result.tensors > 0
    error_message = result.files
  }
  output "pytorch" {
    path = "out/robot"
  }
}
