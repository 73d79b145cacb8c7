source "openpi" "finetune" {
  path = "ckpt"
}

variable "word" {
  type      = string
  default   = "hunter2"
  sensitive = true
}

conversion "robot" {
  source = source.openpi.finetune
  expect "x" {
    condition     = alltrue([for n, t in result.tensor : t.drft < 1])
    error_message = "no"
  }
  output "pytorch" {
    path = "out/robot"
  }
}
