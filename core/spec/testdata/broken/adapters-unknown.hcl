source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  adapters = [source.openpi.other]
  output "pytorch" {
    path = "out/robot"
  }
}
