//go:build unix

package zframe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/loraconv/loraconv/core/internal/guard"
)

// TestStreamsWithinTheirBounds decodes four streams of random bits, too few or
// too many, with short codes and long ones: nothing beside them is read or
// written, and the assembly refuses what the other way refuses. In the last code,
// zeros are the longest code there is, and take as many bytes as any.
func TestStreamsWithinTheirBounds(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	was := hasPairs
	defer func() { hasPairs = was }()
	rng := rand.New(rand.NewPCG(9, 10))
	codes := [][]byte{{128, 0x10}, {129, 0x21}, {130, 0x32, 0x10}, append([]byte{255}, bytes.Repeat([]byte{0x11}, 64)...), {127 + 11, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}}
	const most = 6 + 4*250
	srcs, dsts := guard.New(t, most), guard.New(t, 8*most)
	for range 20_000 {
		var h huffman
		if _, err := h.read(codes[rng.IntN(len(codes))]); err != nil {
			t.Fatal(err)
		}
		var stored []byte
		for range 3 {
			stored = binary.LittleEndian.AppendUint16(stored, uint16(1+rng.IntN(250)))
		}
		noise, size := -byte(rng.IntN(2)), 0
		for i := range 4 {
			n := 1 + rng.IntN(250)
			if i < 3 {
				n = int(binary.LittleEndian.Uint16(stored[2*i:]))
			}
			for range n {
				stored = append(stored, byte(rng.Uint32())&noise)
			}
			stored[len(stored)-1] |= 1
			size += n
		}
		side := guard.Sides[rng.IntN(2)]
		want := make([]byte, 6+rng.IntN(1+size*rng.IntN(9)))
		hasPairs = false
		wantErr := h.decode4(want, stored)
		src, dst := srcs.Bytes(len(stored), side), dsts.Bytes(len(want), side)
		copy(src, stored)
		hasPairs = was
		err := h.decode4(dst, src)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(dst, want) || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d bytes from %d: error %v, wanted %v", len(dst), len(src), err, wantErr)
		}
	}
}
