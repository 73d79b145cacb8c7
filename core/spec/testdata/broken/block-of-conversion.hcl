source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  complete {
  }
  output "pytorch" {
    path = "out/robot"
  }
}
