source "openpi" "finetune" {
  path = source.openpi.finetune.path
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
