source "openpi" "finetune" {
  path = "ckpt"
}
conversion "robot" {
  output "pytorch" {
    path = "a"
  }
}
