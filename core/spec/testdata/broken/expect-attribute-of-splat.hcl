source "openpi" "finetune" {
  path = "ckpt"
}

conversion "robot" {
  source = source.openpi.finetune

  expect "x" {
    condition     = length(result.dropped[*].resaon) == 0 || result.dropped[0].nam == "step"
    error_message = join(", ", [for d in result.dropped : d.form])
  }

  output "pytorch" {
    path = "out/robot"
  }
}
