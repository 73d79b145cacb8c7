source "openpi" "finetune" {
  path = "ckpt"
  lor = 3
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
