source "openpi" "finetune" {
  path = "ckpt"
  lora {
    alhpa = 16
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
