source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  rule "a" {
    dtype = "float32"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
