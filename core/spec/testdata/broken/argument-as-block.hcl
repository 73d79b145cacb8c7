source "openpi" "finetune" {
  path = "ckpt"
  config {
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
