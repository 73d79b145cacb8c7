//go:build !amd64 || purego

package twinhash

const fast = false

const noInstructions = "twinhash: no instructions for it"

func blocks(_, _ *[8]uint32, _, _ []byte, _ int)    { panic(noInstructions) }
func sharedBlocks(_, _ *[8]uint32, _ []byte, _ int) { panic(noInstructions) }
