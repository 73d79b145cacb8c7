package tensor

import "testing"

// TestBulkPathsEqual compares the chosen bulk paths with their definition: all
// upper halves of a float32 with the lower halves at which rounding changes,
// in every lane, and all patterns of 16 bits.
func TestBulkPathsEqual(t *testing.T) {
	t.Run("bfloat16", func(t *testing.T) {
		encodersEqual(t, encodeBF16, encodeBF16Portable)
		decodersEqual(t, decodeBF16, decodeBF16Portable)
	})
	t.Run("float16", func(t *testing.T) {
		encodersEqual(t, encodeF16, encodeF16Portable)
		decodersEqual(t, decodeF16, decodeF16Portable)
	})
}

func encodersEqual(t *testing.T, fast, definition func([]uint16, []uint32)) {
	t.Helper()
	lows := []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x0fff, 0x1000, 0x1001, 0x3000, 0x2fff, 0x7ffe, 0xf000, 0xefff, 0x5555, 0xaaaa, 0xf001}
	in := make([]uint32, len(lows)<<16)
	for i := range in {
		in[i] = uint32(i/len(lows))<<16 | lows[i%len(lows)] // 17 lows, 16 lanes: each meets each
	}
	got, want := make([]uint16, len(in)), make([]uint16, len(in))
	fast(got, in)
	definition(want, in)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%#08x became %#04x, want %#04x", in[i], got[i], want[i])
		}
	}
}

func decodersEqual(t *testing.T, fast, definition func([]uint32, []uint16)) {
	t.Helper()
	for off := range 16 {
		src := all16()[off:]
		got, want := make([]uint32, len(src)), make([]uint32, len(src))
		fast(got, src)
		definition(want, src)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%#04x became %#08x, want %#08x", src[i], got[i], want[i])
			}
		}
	}
}
