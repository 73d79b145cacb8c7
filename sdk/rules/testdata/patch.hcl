# A convolution over patches: (height, width, in, out) to (out, in, height, width).

letters = { ph = "patch height", pw = "patch width", c = "image channels", vd = "vision width", p = "vision positions" }

rule "patch_embedding" {
  source = "img/embedding/kernel"
  axes   = "ph pw c vd"
  to     = "vd c ph pw"
  target = "patch_embedding.weight"
}

rule "position_embedding" {
  source = "img/pos_embedding"
  axes   = "1 p vd"
  to     = "p vd"
  target = "position_embedding.weight"
}
