source "openpi" "finetune" {
  path = "ckpt"
  lora {
    alpha = "sixteen"
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
