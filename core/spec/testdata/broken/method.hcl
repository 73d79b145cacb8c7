source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  method = "merg"
  output "pytorch" {
    path = "out/robot"
  }
}
