source "openpi" "finetune" {
  path = "ckpt"
  lora {
    alpha = 1 / 0
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
