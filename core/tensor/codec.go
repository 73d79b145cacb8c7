package tensor

import "fmt"

// DecodeFloat32 widens stored elements of type d to float32, exactly: d may be
// any float type but float64, which arithmetic refuses and which is therefore
// never narrowed here. NaNs become quiet and keep sign and payload, except
// that float32 elements are copied bit for bit. src must hold exactly len(dst)
// elements.
func DecodeFloat32(dst []float32, src []byte, d DType) error {
	if d.Kind() != KindFloat || d == Float64 {
		return fmt.Errorf("decode %s as float32: not a float type that float32 can hold", d)
	}
	if len(src)%d.Size() != 0 || len(src)/d.Size() != len(dst) {
		return fmt.Errorf("decode %s as float32: found %d bytes, want %d elements of %d bytes", d, len(src), len(dst), d.Size())
	}
	decode(patterns(dst), src, d)
	return nil
}

// decode is DecodeFloat32 without checks, on bit patterns.
func decode(dst []uint32, src []byte, d DType) {
	switch d {
	case Float32:
		copy(dst, view[uint32](src))
	case BFloat16:
		decodeBF16(dst, view[uint16](src))
	case Float16:
		decodeF16(dst, view[uint16](src))
	default:
		decodeByte(dst, src, byteFloats[d])
	}
}

// EncodeFloat32 rounds float32 values once, to the nearest, ties to even, and
// stores them as type d: bfloat16, float16 or float32 (bit for bit). A NaN
// that is narrowed keeps its sign and the upper bits of its payload, and
// becomes quiet. dst must have room for exactly len(src) elements.
func EncodeFloat32(dst []byte, src []float32, d DType) error {
	if d != BFloat16 && d != Float16 && d != Float32 {
		return fmt.Errorf("encode float32 as %s: want bfloat16, float16 or float32", d)
	}
	if len(dst)%d.Size() != 0 || len(dst)/d.Size() != len(src) {
		return fmt.Errorf("encode float32 as %s: found room for %d bytes, want %d elements of %d bytes", d, len(dst), len(src), d.Size())
	}
	encode(dst, patterns(src), d)
	return nil
}

// encode is EncodeFloat32 without checks, on bit patterns.
func encode(dst []byte, src []uint32, d DType) {
	switch d {
	case Float32:
		copy(view[uint32](dst), src)
	case BFloat16:
		encodeBF16(view[uint16](dst), src)
	case Float16:
		encodeF16(view[uint16](dst), src)
	}
}
