convertion "x" {
}
