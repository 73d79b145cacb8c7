source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out"
  }
}

conversion "second" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/../out/second/"
  }
}

conversion "third" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "outer"
  }
}
