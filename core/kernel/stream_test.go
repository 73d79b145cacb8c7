package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestStream copies runs that begin anywhere in a line, and of every length
// around one, two, and the border of long ones.
func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	src := make([]byte, 3<<12)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	var lengths []int
	for n := range 200 {
		lengths = append(lengths, n, 1<<12-100+n)
	}
	for from := range 66 {
		for _, n := range lengths {
			got := bytes.Repeat([]byte{0xa5}, from+n+70)
			stream(got[from:from+n], src[from/2:])
			endStream()
			want := bytes.Repeat([]byte{0xa5}, len(got))
			copy(want[from:from+n], src[from/2:])
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes from %d on: differs", n, from)
			}
		}
	}
}
