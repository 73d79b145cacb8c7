locals {
  a = var.chekpoint
}
variable "checkpoint" {
  default = "x"
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
