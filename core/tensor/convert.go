package tensor

import "fmt"

// Convert stores the elements of src, of type from, as type to in dst.
//
// Between equal types it copies bytes, so NaN payloads survive. Between float
// types it rounds at most once: float64 goes straight to bfloat16, float16 or
// float32; a narrower type is exact in float32, from where it is rounded at
// most once. NaNs become quiet and keep sign and the upper bits of their
// payload. Integers, bools and complex numbers move and never convert, and
// nothing converts to a float type of one byte.
//
// Both slices must hold the same number of whole elements and not overlap,
// unless from equals to.
func Convert(dst []byte, to DType, src []byte, from DType) error {
	if err := CanConvert(to, from); err != nil {
		return err
	}
	n := len(src) / from.Size()
	if len(src)%from.Size() != 0 || len(dst)%to.Size() != 0 || len(dst)/to.Size() != n {
		return fmt.Errorf("convert %s to %s: found %d and %d bytes, want the same number of whole elements", from, to, len(src), len(dst))
	}
	switch {
	case from == to:
		copy(dst, src)
	case from == Float64:
		narrowBytes(dst, to, view[uint64](src))
	default:
		convertExact(dst, to, src, from, n)
	}
	return nil
}

// CanConvert reports why Convert would refuse the two types; nil if it would not.
func CanConvert(to, from DType) error {
	switch {
	case from.Kind() == KindInvalid || to.Kind() == KindInvalid:
		return fmt.Errorf("convert %s to %s: not an element type", from, to)
	case from == to:
		return nil
	case from.Kind() != KindFloat || to.Kind() != KindFloat:
		return fmt.Errorf("convert %s to %s: only float types convert, others are moved as they are", from, to)
	case to.Size() < 2:
		return fmt.Errorf("convert %s to %s: no conversion to a float type of one byte", from, to)
	}
	return nil
}

func narrowBytes(dst []byte, to DType, src []uint64) {
	switch to {
	case BFloat16:
		narrowTo16(view[uint16](dst), src, 8, 7)
	case Float16:
		narrowTo16(view[uint16](dst), src, 5, 10)
	case Float32:
		narrowTo32(view[uint32](dst), src)
	}
}

// convertExact goes by way of float32, which holds every value of every type
// narrower than float64 exactly.
func convertExact(dst []byte, to DType, src []byte, from DType, n int) {
	switch {
	case to == Float32:
		decode(view[uint32](dst), src, from)
		return
	case from == Float32 && to != Float64:
		encode(dst, view[uint32](src), to)
		return
	}
	var buf [512]uint32
	for i := 0; i < n; i += len(buf) {
		part := buf[:min(len(buf), n-i)]
		decode(part, src[i*from.Size():(i+len(part))*from.Size()], from)
		out := dst[i*to.Size() : (i+len(part))*to.Size()]
		if to == Float64 {
			widenTo64(view[uint64](out), part)
		} else {
			encode(out, part, to)
		}
	}
}
