//go:build unix && !purego

package twinhash

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/loraconv/loraconv/core/internal/guard"
)

// after is the state h after whole blocks, by crypto/sha256: it takes a state,
// and gives one, in the form "sha\x03", state, block, length.
func after(t *testing.T, h [8]uint32, blocks []byte) (out [8]uint32) {
	t.Helper()
	const magic = "sha\x03"
	state := []byte(magic)
	for _, x := range h {
		state = binary.BigEndian.AppendUint32(state, x)
	}
	state = append(state, make([]byte, blockSize+8)...)
	d := sha256.New()
	err := d.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
	if err == nil {
		d.Write(blocks)
		state, err = d.(encoding.BinaryMarshaler).MarshalBinary()
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i] = binary.BigEndian.Uint32(state[len(magic)+4*i:])
	}
	return out
}

// TestBlocksWithinTheirBounds takes blocks that end, or begin, where memory does,
// into states that do.
func TestBlocksWithinTheirBounds(t *testing.T) {
	if !fast {
		return // there is nothing else than crypto/sha256
	}
	rng := rand.New(rand.NewPCG(3, 4))
	const most = 9
	var states, inputs [2]guard.Room
	for i := range states {
		states[i], inputs[i] = guard.New(t, 32), guard.New(t, most*blockSize)
	}
	for _, side := range guard.Sides {
		var h [2]*[8]uint32
		for i := range h {
			h[i] = (*[8]uint32)(unsafe.Pointer(unsafe.SliceData(states[i].Bytes(32, side))))
		}
		for n := 1; n <= most; n++ {
			var p [2][]byte
			for i := range p {
				p[i] = inputs[i].Bytes(n*blockSize, side)
				for k := range p[i] {
					p[i][k] = byte(rng.Uint32())
				}
			}
			for _, shared := range []bool{false, true} {
				if shared {
					p[1] = p[0]
				}
				var want [2][8]uint32
				for i := range h {
					for k := range h[i] {
						h[i][k] = rng.Uint32()
					}
					want[i] = after(t, *h[i], p[i])
				}
				if shared {
					sharedBlocks(h[0], h[1], p[0], n)
				} else {
					blocks(h[0], h[1], p[0], p[1], n)
				}
				for i := range h {
					if *h[i] != want[i] {
						t.Fatalf("%d blocks, shared=%v: lane %d is %08x, wanted %08x", n, shared, i, *h[i], want[i])
					}
				}
			}
		}
	}
}
