package tensor

// narrow rounds the float64 with bit pattern b once, to the nearest, ties to
// even, to a binary format with the given exponent and mantissa widths, sign
// bit first. Overflow is infinite; a NaN keeps its sign and the upper bits of
// its payload, and becomes quiet.
func narrow(b uint64, exponent, mantissa uint) uint64 {
	sign := b >> 63 << (exponent + mantissa)
	inf := (uint64(1)<<exponent - 1) << mantissa
	e := int(b >> 52 & 0x7ff)
	m := b & (1<<52 - 1)
	switch {
	case e == 0x7ff && m != 0:
		return sign | inf | 1<<(mantissa-1) | m>>(52-mantissa)
	case e == 0x7ff:
		return sign | inf
	case e == 0: // below 2^-1022: far below half of any target's least value
		return sign
	}
	m |= 1 << 52
	drop := 52 - mantissa
	e += 1<<(exponent-1) - 1 - 1023 // biased as in the target
	switch {
	case e >= 1<<exponent-1:
		return sign | inf
	case e < 1: // subnormal in the target: its scale is that of exponent 1
		drop += uint(1 - e)
		e = 1
	}
	if drop > 53 { // less than half of the least value
		return sign
	}
	q := m >> drop
	rest, half := m&(1<<drop-1), uint64(1)<<(drop-1)
	if rest > half || rest == half && q&1 == 1 {
		q++
	}
	// q holds the leading one of a normal value, which adds 1 to the exponent
	// field; so does a carry, into infinity too.
	return sign | (uint64(e-1)<<mantissa + q)
}

// widen returns the float64 bit pattern equal to the float32 with bit pattern
// u. A NaN keeps sign and payload and becomes quiet.
func widen(u uint32) uint64 {
	sign := uint64(u>>31) << 63
	e := uint64(u >> 23 & 0xff)
	m := uint64(u & 0x7fffff)
	switch {
	case e == 0xff && m != 0:
		return sign | 0x7ff8<<48 | m<<29
	case e == 0xff:
		return sign | 0x7ff0<<48
	case e == 0 && m == 0:
		return sign
	case e == 0:
		for e = 1; m&(1<<23) == 0; e-- {
			m <<= 1
		}
		m &= 1<<23 - 1
	}
	return sign | (e+1023-127)<<52 | m<<29
}

func narrowTo16(dst []uint16, src []uint64, exponent, mantissa uint) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = uint16(narrow(b, exponent, mantissa))
	}
}

func narrowTo32(dst []uint32, src []uint64) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = uint32(narrow(b, 8, 23))
	}
}

func widenTo64(dst []uint64, src []uint32) {
	dst = dst[:len(src)]
	for i, u := range src {
		dst[i] = widen(u)
	}
}
