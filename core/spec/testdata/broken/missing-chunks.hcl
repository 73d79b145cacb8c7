source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  missing_chunks = "fil"
  output "pytorch" {
    path = "out/robot"
  }
}
