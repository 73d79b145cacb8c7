source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  allow_nonfinite = ["a.***"]
  output "pytorch" {
    path = "out/robot"
  }
}
