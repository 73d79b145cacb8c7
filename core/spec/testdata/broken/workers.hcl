source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  compute {
    workers = 0
  }
  output "pytorch" {
    path = "out/robot"
  }
}
