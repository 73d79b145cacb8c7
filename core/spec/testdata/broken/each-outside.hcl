source "openpi" "finetune" {
  path = "ckpt"
  config = each.key
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
