package tensor

import "math"

// The types of one byte, sign bit first, then E exponent and M mantissa bits
// (tensorstore/util/float8.h, tensorstore/util/mxfloat.h):
//
//	type                 E/M  bias  infinity      NaN
//	float8_e3m4          3/4     3  s.111.0000    exponent all ones, mantissa not 0
//	float8_e4m3fn        4/3     7  none          s.1111.111 only
//	float8_e4m3fnuz      4/3     8  none          0x80 only (there is no -0)
//	float8_e4m3b11fnuz   4/3    11  none          0x80 only
//	float8_e5m2          5/2    15  s.11111.00    exponent all ones, mantissa not 0
//	float8_e5m2fnuz      5/2    16  none          0x80 only
//	float8_e8m0fnu       8/0   127  none          0xff; no sign: 2^(b-127), no zero
//	float4_e2m1fn        2/1     1  none          none; low nibble, high one ignored
//
// With an exponent field of 0 the value is mantissa * 2^(1-bias-M), e8m0
// excepted. All values are exact in float32.

// specials says how the top of a type's range is used.
type specials uint8

const (
	ieee   specials = iota // infinities and NaNs at the highest exponent
	fn                     // finite; NaN where all bits but the sign are ones
	fnuz                   // finite, no -0; NaN at 0x80
	noNaN                  // finite, no NaN
	scale8                 // e8m0
)

var layouts = map[DType]struct {
	exponent, mantissa, bias int
	specials                 specials
}{
	Float8E3M4:        {3, 4, 3, ieee},
	Float8E4M3FN:      {4, 3, 7, fn},
	Float8E4M3FNUZ:    {4, 3, 8, fnuz},
	Float8E4M3B11FNUZ: {4, 3, 11, fnuz},
	Float8E5M2:        {5, 2, 15, ieee},
	Float8E5M2FNUZ:    {5, 2, 16, fnuz},
	Float8E8M0FNU:     {8, 0, 127, scale8},
	Float4E2M1FN:      {2, 1, 1, noNaN},
}

// byteFloats holds, for each type of one byte, the float32 bit pattern of each
// byte; nil for other types.
var byteFloats = func() (t [numDTypes]*[256]uint32) {
	for d := range layouts {
		t[d] = new([256]uint32)
		for b := range 256 {
			t[d][b] = float32FromByte(d, uint8(b))
		}
	}
	return t
}()

// float32FromByte returns the float32 bit pattern of the value of b. A NaN is
// quiet and keeps its sign, and its payload where the type has one.
func float32FromByte(d DType, b uint8) uint32 {
	const inf, quiet = 0x7f800000, 0x7fc00000
	l := layouts[d]
	switch {
	case l.specials == scale8 && b == 0xff:
		return quiet
	case l.specials == scale8:
		return math.Float32bits(float32(math.Ldexp(1, int(b)-l.bias)))
	case l.specials == fnuz && b == 0x80:
		return 1<<31 | quiet
	}
	width := l.exponent + l.mantissa
	sign := uint32(b) >> width & 1 << 31
	e := int(b) >> l.mantissa & (1<<l.exponent - 1)
	m := int(b) & (1<<l.mantissa - 1)
	top := e == 1<<l.exponent-1
	switch {
	case l.specials == ieee && top && m == 0:
		return sign | inf
	case l.specials == ieee && top:
		return sign | quiet | uint32(m)<<(23-l.mantissa)
	case l.specials == fn && top && m == 1<<l.mantissa-1:
		return sign | quiet
	case e == 0:
		e = 1
	default:
		m += 1 << l.mantissa
	}
	return sign | math.Float32bits(float32(math.Ldexp(float64(m), e-l.bias-l.mantissa)))
}

func decodeByte(dst []uint32, src []byte, table *[256]uint32) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = table[b]
	}
}
