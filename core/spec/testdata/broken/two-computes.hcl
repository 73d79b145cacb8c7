source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  compute {
  }
  compute {
  }
  output "pytorch" {
    path = "out/robot"
  }
}
