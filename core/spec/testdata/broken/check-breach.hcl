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
  check "roundtrip" {
    on_breach = "warning"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
