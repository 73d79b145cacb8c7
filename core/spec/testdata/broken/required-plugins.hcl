loraconv {
  required_plugins {
    openpi = {
      sorce   = "loraconv/openpi"
      version = "about 1"
    }
  }
}
source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
