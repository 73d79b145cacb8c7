source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  dtyp = "float32"
  output "pytorch" {
    path = "out/robot"
  }
}
