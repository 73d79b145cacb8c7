source "openpi" "finetune" {
  path = "ckpt"
  step = 1.5
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
