//go:build !amd64 || purego

package twinhash

const fast = false

func blocks(_, _ *[8]uint32, _, _ []byte, _ int) { panic("twinhash: no instructions for it") }
