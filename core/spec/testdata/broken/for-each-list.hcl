source "openpi" "finetune" {
  for_each = ["a", "b"]
  path     = each.value
}
