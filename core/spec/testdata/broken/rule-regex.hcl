source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  rule "a" {
    match_regex = "(x"
    scale       = 2
  }
  output "pytorch" {
    path = "out/robot"
  }
}
