source "openpi" "finetune" {
  path = ["a"]
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
