source "openpi" "finetune" {
  path = "ckpt"
}
source "openpi" "b" {
  path = source.openpi.finetune
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
