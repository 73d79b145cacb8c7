source "openpi" "1 ft" {
  path = "ckpt"
}
