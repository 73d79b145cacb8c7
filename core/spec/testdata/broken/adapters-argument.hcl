source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  adapters = [{ source = source.openpi.finetune, wieght = 0.5 }]
  output "pytorch" {
    path = "out/robot"
  }
}
