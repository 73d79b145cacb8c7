source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  rule "a" {
    match       = ["x"]
    match_regex = "x"
    dtype       = "float32"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
