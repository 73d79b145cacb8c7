source "openpi" "finetune" {
  path = "ckpt"
  drop "head" {
    match  = []
    reason = " "
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
