source "openpi" "finetune" {
  path = "ckpt"
  lora {
    rule "q" {
      source = "a"
    }
    rule "q" {
      source = "b"
    }
  }
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
  }
}
