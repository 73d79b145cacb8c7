locals {
  a = [for x in [1]: [for y in [1]: [for z in [1]: z]]]
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
