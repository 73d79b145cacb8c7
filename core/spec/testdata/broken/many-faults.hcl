variable "root" {
  typ = string
}
source "openpi" "finetune" {
  path = "${vra.root}/x"
  step = "last"
}
conversion "robot" {
  source = source.openpi.finetnue
  dtype  = "f32"
  output "pytorch" {
    pth = "out"
  }
}
