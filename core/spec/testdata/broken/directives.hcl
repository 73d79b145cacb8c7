locals {
  a = "%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }%{ if true }x%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }%{ endif }"
}
source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "out"
  }
}
