package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestTilePaths compares both ways of turning a tile with an index loop.
func TestTilePaths(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for name, turn := range map[string]func(dst, src []byte, stride, h, w, width int){
		"portable": transposePortable, "chosen": transposeTile,
	} {
		for _, width := range []int{1, 2, 4, 8} {
			for h := 1; h <= 26; h++ {
				for w := 1; w <= 26; w++ {
					stride := w*width + rng.IntN(5)
					src := make([]byte, (h-1)*stride+w*width)
					for i := range src {
						src[i] = byte(rng.Uint32())
					}
					want, got := make([]byte, h*w*width), make([]byte, h*w*width)
					for r := range h {
						for c := range w {
							copy(want[(c*h+r)*width:][:width], src[r*stride+c*width:])
						}
					}
					turn(got, src, stride, h, w, width)
					if !bytes.Equal(got, want) {
						t.Fatalf("%s: %d x %d elements of %d bytes, stride %d: differs", name, h, w, width, stride)
					}
				}
			}
		}
	}
}
