source "openpi" "finetune" {
  for_each = toset(["alpha", "beta"])
  path     = each.key
}
conversion "robot" {
  source = source.openpi.finetune["alpa"]
  output "pytorch" {
    path = "a"
  }
}
conversion "none" {
  source = source.openpi.finetune
  output "pytorch" {
    path = "b"
  }
}
