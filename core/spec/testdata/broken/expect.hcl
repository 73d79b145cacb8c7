source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  expect "x" {
    condition     = true
    error_message = "no"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
