source "openpi" "finetune" {
  path = "ckpt"
  lora {
    alpha = local.m.b
  }
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
