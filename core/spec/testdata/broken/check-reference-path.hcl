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
  check "reference" {
    max_abs = 0
  }
  output "pytorch" {
    path = "out/robot"
  }
}
