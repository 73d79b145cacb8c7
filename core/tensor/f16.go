package tensor

import "math"

// A float16 is IEEE 754 binary16: s eeeee mmmmmmmmmm, bias 15.
//
// The functions equal x448/float16 on every input; they exist because that
// package's branches cost five times as much (the tests compare the two).

// F16FromFloat32 rounds the float32 with bit pattern u to float16, to the
// nearest, ties to even, subnormals included; magnitudes of 65520 and more
// become infinite. A NaN keeps its sign and the upper ten bits of its payload,
// and becomes quiet.
func F16FromFloat32(u uint32) uint16 {
	sign := uint16(u >> 16 & 0x8000)
	u &= 0x7fffffff
	switch {
	case u > 0x7f800000:
		return sign | 0x7e00 | uint16(u>>13&0x3ff)
	case u >= 0x47800000: // 2^16 and more
		return sign | 0x7c00
	case u < 0x38800000: // below 2^-14: a multiple of 2^-24
		// The unit in the last place of 0.5 is 2^-24, so the float unit rounds.
		return sign | uint16(math.Float32bits(math.Float32frombits(u)+0.5)-0x3f000000)
	}
	u += 0xfff + u>>13&1
	return sign | uint16((u-(127-15)<<23)>>13)
}

// Float32FromF16 widens a float16 to the bit pattern of the equal float32. A
// NaN keeps sign and payload and becomes quiet.
func Float32FromF16(h uint16) uint32 {
	sign := uint32(h&0x8000) << 16
	u := uint32(h&0x7fff) << 13
	if u >= 0x1f<<23 {
		if u > 0x1f<<23 {
			u |= 0x00400000
		}
		return sign | u | 0x7f800000
	}
	// Read as a float32, u is too small by 2^(127-15); the product is exact,
	// for subnormals too.
	return sign | math.Float32bits(math.Float32frombits(u)*0x1p112)
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
