source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi
  output "pytorch" {
    path = "out/robot"
  }
}
