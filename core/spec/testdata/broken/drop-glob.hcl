source "openpi" "finetune" {
  path = "ckpt"
  drop "head" {
    match  = ["a/***", "b/**", ""]
    reason = "extra head"
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
