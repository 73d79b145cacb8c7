package tensor

import (
	"math"
	"testing"
)

func TestCountNonFiniteAll16BitPatterns(t *testing.T) {
	for d, want := range map[DType][2]int{
		BFloat16:          {2 * 127, 2},
		Float16:           {2 * 1023, 2},
		Float8E5M2:        {6 * 512, 2 * 512}, // 131072 bytes: each pattern 512 times
		Float8E3M4:        {30 * 512, 2 * 512},
		Float8E4M3FN:      {2 * 512, 0},
		Float8E4M3FNUZ:    {512, 0},
		Float8E4M3B11FNUZ: {512, 0},
		Float8E5M2FNUZ:    {512, 0},
		Float8E8M0FNU:     {512, 0},
		Float4E2M1FN:      {0, 0},
		Int16:             {0, 0},
		Bool:              {0, 0},
		Invalid:           {0, 0},
		DType(99):         {0, 0},
	} {
		if nan, inf := CountNonFinite(bytes16(all16()...), d); [2]int{nan, inf} != want {
			t.Errorf("%s: %d NaN and %d infinite, want %v", d, nan, inf, want)
		}
	}
}

// TestCountNonFinitePlaces puts one value at each place of each short length.
func TestCountNonFinitePlaces(t *testing.T) {
	for _, tt := range []struct {
		d        DType
		v        []byte
		nan, inf int
	}{
		{BFloat16, bytes16(0x7f80), 0, 1},
		{BFloat16, bytes16(0xff81), 1, 0},
		{BFloat16, bytes16(0xff7f), 0, 0},
		{Float16, bytes16(0xfc00), 0, 1},
		{Float16, bytes16(0x7c01), 1, 0},
		{Float16, bytes16(0x7bff), 0, 0},
		{Float32, bytes32(0x7f800000), 0, 1},
		{Float32, bytes32(0xffffffff), 1, 0},
		{Float32, bytes32(math.Float32bits(-math.MaxFloat32)), 0, 0},
		{Float64, bytes64(math.Float64bits(math.Inf(-1))), 0, 1},
		{Float64, bytes64(0x7ff0000000000001), 1, 0},
		{Float64, bytes64(math.Float64bits(math.MaxFloat64)), 0, 0},
		{Complex64, bytes32(0x7f800000, 0x7fc00000), 1, 1},
		{Complex128, bytes64(math.Float64bits(math.Inf(1)), 0x7ff0000000000001), 1, 1},
	} {
		size := tt.d.Size()
		for n := 1; n < 40; n++ {
			for at := range n {
				src := make([]byte, n*size)
				copy(src[at*size:], tt.v)
				if nan, inf := CountNonFinite(src, tt.d); nan != tt.nan || inf != tt.inf {
					t.Fatalf("%s: %x at %d of %d: %d NaN and %d infinite, want %d and %d", tt.d, tt.v, at, n, nan, inf, tt.nan, tt.inf)
				}
			}
		}
	}
}

// TestFinitePrefix compares with a loop over words.
func TestFinitePrefix(t *testing.T) {
	const all, low, carry = 0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000
	for n := range 900 {
		for _, at := range []int{-1, 0, n / 3, n / 2, n - 2} {
			src := make([]byte, n)
			if at >= 0 && at+2 <= n {
				copy(src[at&^1:], bytes16(0x7f80))
			}
			got := finitePrefix(src, all, low, carry)
			if got < 0 || got > n || at >= 0 && at+2 <= n && got > at&^1 {
				t.Fatalf("%d of %d bytes are finite, and an infinity lies at %d", got, n, at&^1)
			}
		}
	}
}
