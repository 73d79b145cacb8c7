source "openpi" "finetune" {
  path = "ckpt"
}
