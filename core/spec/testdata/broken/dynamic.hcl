source "openpi" "finetune" {
  path = "ckpt"
  dynamic "lora" {
    for_each = [1]
    content {}
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
