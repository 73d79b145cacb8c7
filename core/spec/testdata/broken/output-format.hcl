source "openpi" "finetune" {
  path = "ckpt"
}
conversion "robot" {
  source = source.openpi.finetune
  output "py torch" {
    path = "a"
  }
}
