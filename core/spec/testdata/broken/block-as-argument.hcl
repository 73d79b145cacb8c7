source "openpi" "finetune" {
  path = "ckpt"
  lora = { alpha = 16 }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
