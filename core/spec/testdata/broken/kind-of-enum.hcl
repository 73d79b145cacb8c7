source "openpi" "finetune" {
  path = "ckpt"
  kind = "lorra"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
