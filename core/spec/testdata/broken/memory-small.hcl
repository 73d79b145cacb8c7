source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  compute {
    memory = "64MiB"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
