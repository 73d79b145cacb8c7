source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetun
  output "pytorch" {
    path = "out/robot"
  }
}
