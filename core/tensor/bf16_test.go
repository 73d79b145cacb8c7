package tensor

import "testing"

// TestBF16PathsEqual compares the chosen bulk paths with their definition: all
// upper halves of a float32 with the lower halves at which rounding changes,
// in every lane, and all bfloat16 patterns.
func TestBF16PathsEqual(t *testing.T) {
	lows := []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1234, 0xfedc, 0x4000, 0xc000, 2, 0x7ffe, 0x8002, 0xfffe, 0x5555, 0xaaaa, 0x0100}
	in := make([]uint32, len(lows)<<16)
	for i := range in {
		in[i] = uint32(i/len(lows))<<16 | lows[i%len(lows)] // 17 lows, 16 lanes: each meets each
	}
	got, want := make([]uint16, len(in)), make([]uint16, len(in))
	encodeBF16(got, in)
	encodeBF16Portable(want, in)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%#08x became %#04x, want %#04x", in[i], got[i], want[i])
		}
	}
	for off := range 16 {
		src := all16()[off:]
		got, want := make([]uint32, len(src)), make([]uint32, len(src))
		decodeBF16(got, src)
		decodeBF16Portable(want, src)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%#04x became %#08x, want %#08x", src[i], got[i], want[i])
			}
		}
	}
}
