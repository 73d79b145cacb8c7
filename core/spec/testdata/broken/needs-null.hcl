source "openpi" "finetune" {
  path = "ckpt"
  model = null
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
