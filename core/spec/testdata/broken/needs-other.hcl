source "openpi" "finetune" {
  path = "ckpt"
  modell = "x"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
