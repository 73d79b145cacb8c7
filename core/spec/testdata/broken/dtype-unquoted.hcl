source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  dtype = float32
  output "pytorch" {
    path = "out/robot"
  }
}
