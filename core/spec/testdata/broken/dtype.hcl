source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  dtype = "bfloat61"
  output "pytorch" {
    path = "out/robot"
  }
}
