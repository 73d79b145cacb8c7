source "openpi" "finetune" {
  path = "ckpt"
  drop "head" {
    match = ["head/**"]
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
