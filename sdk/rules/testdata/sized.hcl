# How many columns of a group are a and how many are b follows from another row:
# there is one of each for every value head.
letters = {
  d = "width"
}

rule "decay" {
  source = "decay"
  axes   = "n"
  to     = "n"
  target = "decay"
}

rule "gate_b" {
  source = "gates/kernel"
  axes   = "d (g (b + a))"
  size   = { g = groups, b = n / groups, a = n / groups }
  to     = "(g b) d"
  target = "b.weight"
}

rule "gate_a" {
  source = "gates/kernel"
  axes   = "d (g (b + a))"
  size   = { g = groups, b = n / groups, a = n / groups }
  to     = "(g a) d"
  target = "a.weight"
}
