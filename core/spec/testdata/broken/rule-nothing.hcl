source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  rule "a" {
    match = ["x"]
  }
  output "pytorch" {
    path = "out/robot"
  }
}
