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
    condition     = result.dtype == var.word && result.nothing
    error_message = "not ${var.word}"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
