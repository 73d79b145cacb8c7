package tensor

// A bfloat16 is the upper half of a float32:
//
//	float32   s eeeeeeee mmmmmmm mmmmmmmmmmmmmmmm
//	bfloat16  s eeeeeeee mmmmmmm

// BF16FromFloat32 rounds the float32 with bit pattern u to bfloat16, to the
// nearest, ties to even; a magnitude that rounds past the largest finite value
// becomes infinite. A NaN keeps its sign and the upper seven bits of its
// payload, and becomes quiet.
func BF16FromFloat32(u uint32) uint16 {
	if u&0x7fffffff > 0x7f800000 {
		return uint16(u>>16) | 0x0040
	}
	// 0x7fff and the last bit that stays: exactly half carries only into an odd one.
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// Float32FromBF16 widens a bfloat16 to the bit pattern of the equal float32. A
// NaN keeps sign and payload and becomes quiet.
func Float32FromBF16(h uint16) uint32 {
	u := uint32(h) << 16
	if h&0x7fff > 0x7f80 {
		u |= 0x00400000
	}
	return u
}

// encodeBF16Portable and decodeBF16Portable are the definition that every
// faster path must equal. The lengths agree.
func encodeBF16Portable(dst []uint16, src []uint32) {
	dst = dst[:len(src)]
	for i, u := range src {
		dst[i] = BF16FromFloat32(u)
	}
}

func decodeBF16Portable(dst []uint32, src []uint16) {
	dst = dst[:len(src)]
	for i, h := range src {
		dst[i] = Float32FromBF16(h)
	}
}
