source "openpi" "finetune" {
  path = "ckpt"
  config = try(local.m.b, local.m.c)
}
locals {
  m = { a = 1 }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
