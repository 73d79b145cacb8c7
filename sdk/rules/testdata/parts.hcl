# Three arrays, of different widths and one of them with an axis more, make one
# matrix. Each kind of array is kept in a tree of its own.
roots = ["main + other", "main"]

letters = {
  w = "width"
}

block "layer" {
  at "layers" { stack = "l" }
  at "layers_{l}" {}
}

rule "mix" {
  part {
    source = "{layer}/pre"
    axes   = "w p"
  }
  part {
    source = "{layer}/post"
    axes   = "w q"
  }
  part {
    source = "{layer}/res"
    axes   = "w a b"
  }
  to     = "(p + q + (a b)) w"
  target = "layers.{l}.mix"
}

rule "mix_bias" {
  part {
    source = "{layer}/pre_bias"
    axes   = "p"
  }
  part {
    source = "{layer}/post_bias"
    axes   = "q"
  }
  part {
    source = "{layer}/res_bias"
    axes   = "a b"
  }
  to     = "(p + q + (a b))"
  target = "layers.{l}.mix_bias"
}
