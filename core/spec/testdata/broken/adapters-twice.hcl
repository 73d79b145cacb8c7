source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  adapters = [source.openpi.finetune, source.openpi.finetune]
  output "pytorch" {
    path = "out/robot"
  }
}
