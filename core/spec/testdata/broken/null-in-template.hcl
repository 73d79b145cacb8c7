source "openpi" "finetune" {
  path = "ckpt"
  config = "a${null}"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
