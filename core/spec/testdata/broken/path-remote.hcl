source "openpi" "finetune" {
  path = "gs://bucket/run/29999"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
