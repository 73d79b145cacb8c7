//go:build unix

package tensor

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/loraconv/loraconv/core/internal/guard"
)

// TestBulkPathsWithinTheirBounds converts, and looks at, elements that end, or
// begin, where memory does.
func TestBulkPathsWithinTheirBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	const most = 200
	wides, halves := guard.New(t, 4*most), guard.New(t, 2*most)
	for _, side := range guard.Sides {
		for n := range most {
			wide, half := view[uint32](wides.Bytes(4*n, side)), view[uint16](halves.Bytes(2*n, side))
			for name, f := range map[string]struct {
				encode, encodeDefinition func([]uint16, []uint32)
				decode, decodeDefinition func([]uint32, []uint16)
				dtype                    DType
			}{
				"bfloat16": {encodeBF16, encodeBF16Portable, decodeBF16, decodeBF16Portable, BFloat16},
				"float16":  {encodeF16, encodeF16Portable, decodeF16, decodeF16Portable, Float16},
			} {
				for i := range wide {
					wide[i] = rng.Uint32()
				}
				wantHalf, wantWide := make([]uint16, n), make([]uint32, n)
				f.encodeDefinition(wantHalf, wide)
				f.encode(half, wide)
				if !slices.Equal(half, wantHalf) {
					t.Fatalf("%s: %d elements encoded: differ", name, n)
				}
				f.decodeDefinition(wantWide, half)
				f.decode(wide, half)
				if !slices.Equal(wide, wantWide) {
					t.Fatalf("%s: %d elements decoded: differ", name, n)
				}
				for i := range half {
					half[i] = uint16(i)
				}
				if n > 0 {
					half[n-1] = 0x7fc0 // not a number in both
				}
				if nan, inf := CountNonFinite(halves.Bytes(2*n, side), f.dtype); nan != min(n, 1) || inf != 0 {
					t.Fatalf("%s: of %d elements, the last is not a number; %d and %d infinite ones were found", name, n, nan, inf)
				}
			}
		}
	}
}
