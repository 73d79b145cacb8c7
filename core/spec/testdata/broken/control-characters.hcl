source "openpi" "a\u001b[31m" {
  path = "x"
}
