# Layers that are not alike: of every three, two are stacked along an axis of
# their own within the stack of blocks, and the third, whose heads are wider, is
# stacked once.
letters = {
  h = "head dim"
}

block "layer" {
  own = "h"
  at "decoder/blocks/local_layers" {
    stack = "j i"
    l     = 3*j + i
  }
  at "decoder/blocks/global_layer" {
    stack = "j"
    l     = 3*j + 2
  }
}

rule "query" {
  source = "{layer}/query/kernel"
  axes   = "d n h"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n h) -> d n h"
    scale  = 2
  }
  to     = "(n h) d"
  target = "layers.{l}.q.weight"
}

rule "query_norm" {
  source = "{layer}/query_norm/scale"
  axes   = "h"
  to     = "h"
  target = "layers.{l}.q_norm.weight"
}
