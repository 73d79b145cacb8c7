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
  check "drfit" {
    max_abs = 1
  }
  output "pytorch" {
    path = "out/robot"
  }
}
