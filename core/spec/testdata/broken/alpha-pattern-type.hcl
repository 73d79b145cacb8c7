source "openpi" "finetune" {
  path = "ckpt"
  lora {
    alpha_pattern = { "**/w" = "x" }
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
