source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out/robot"
    template = "hf://meta-llama/Llama-3.1-8B"
  }
}
