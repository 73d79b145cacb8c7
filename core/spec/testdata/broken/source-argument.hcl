source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune.path
  output "pytorch" {
    path = "out/robot"
  }
}
