source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  compute {
    memory = "1Gig"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
