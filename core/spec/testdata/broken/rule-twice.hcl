source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  rule "a" {
    match = ["x"]
    merge = false
  }
  rule "a" {
    match = ["x"]
    merge = false
  }
  output "pytorch" {
    path = "out/robot"
  }
}
