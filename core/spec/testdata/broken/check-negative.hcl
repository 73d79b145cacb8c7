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
  check "drift" {
    max_abs = -0.5
  }
  output "pytorch" {
    path = "out/robot"
  }
}
