source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  check "drift" {
    max_abs = 1
  }
  output "pytorch" {
    path = "out/robot"
  }
}
