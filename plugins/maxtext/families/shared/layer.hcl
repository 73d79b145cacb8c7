# Where layers are, all alike.

letters = {
  l = "layers"
}

# Stack axes are added at param_scan_axis to base, bias, A and B alike. Older unscanned
# checkpoints keep the layers in a list, whose elements are named by number.
block "layer" {
  at "decoder/layers" {
    stack = "l"
    when  = !has("decoder/layers/0/**")
  }
  at "decoder/layers_{l}" {}
  at "decoder/layers/{l}" {}
}
