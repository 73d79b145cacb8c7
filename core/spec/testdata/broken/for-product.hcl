locals {
  a = [for x in range(1024): [for y in range(1024): "${x}${y}"]]
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
