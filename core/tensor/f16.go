package tensor

import (
	"math"

	"github.com/x448/float16"
)

// A float16 is IEEE 754 binary16: s eeeee mmmmmmmmmm, bias 15. The conversions
// are x448/float16's; where the processor has its own (f16_amd64.go), that is
// used and must equal them.

// F16FromFloat32 rounds the float32 with bit pattern u to float16, to the
// nearest, ties to even, subnormals included; magnitudes of 65520 and more
// become infinite. A NaN keeps its sign and the upper ten bits of its payload,
// and becomes quiet.
func F16FromFloat32(u uint32) uint16 {
	return float16.Fromfloat32(math.Float32frombits(u)).Bits()
}

// Float32FromF16 widens a float16 to the bit pattern of the equal float32. A
// NaN keeps sign and payload and becomes quiet.
func Float32FromF16(h uint16) uint32 {
	return math.Float32bits(float16.Frombits(h).Float32())
}

// encodeF16Portable and decodeF16Portable are what every faster path must
// equal. The lengths agree.
func encodeF16Portable(dst []uint16, src []uint32) {
	dst = dst[:len(src)]
	for i, u := range src {
		dst[i] = F16FromFloat32(u)
	}
}

func decodeF16Portable(dst []uint32, src []uint16) {
	dst = dst[:len(src)]
	for i, h := range src {
		dst[i] = Float32FromF16(h)
	}
}
