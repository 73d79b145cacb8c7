package zarr

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

// readFill reads a fill value and returns one element, little-endian. null
// stands for zero, and only version 2 allows it.
func readFill(j *strictjson.Decoder, d tensor.DType, format int) ([]byte, error) {
	if null, err := j.Null(); err != nil {
		return nil, err
	} else if null {
		if format != 2 {
			return nil, corrupt("fill value null")
		}
		return make([]byte, d.Size()), nil
	}
	switch d.Kind() {
	case tensor.KindBool:
		return boolFill(j)
	case tensor.KindInt:
		return intFill(j, d)
	case tensor.KindComplex:
		var out []byte
		half := tensor.Float32
		if d == tensor.Complex128 {
			half = tensor.Float64
		}
		err := j.Array(func(int) error {
			b, err := floatFill(j, half, format)
			out = append(out, b...)
			return err
		})
		if err == nil && len(out) != d.Size() {
			err = corrupt("fill value of a complex type is not a pair")
		}
		return out, err
	default:
		return floatFill(j, d, format)
	}
}

func boolFill(j *strictjson.Decoder) ([]byte, error) {
	k, err := j.Peek()
	if err != nil {
		return nil, err
	}
	if k == strictjson.Bool {
		v, err := j.Bool()
		if v {
			return []byte{1}, err
		}
		return []byte{0}, err
	}
	n, err := j.Int()
	if err == nil && n != 0 && n != 1 {
		err = corrupt("fill value %d of a bool", n)
	}
	return []byte{byte(n)}, err
}

func intFill(j *strictjson.Decoder, d tensor.DType) ([]byte, error) {
	text, err := j.Number()
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(text, ".eE") { // 0.0 is a whole number, too
		if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1<<53 {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	width := 8 * d.Size()
	switch d {
	case tensor.Int2:
		width = 2
	case tensor.Int4:
		width = 4
	}
	var v uint64
	if strings.HasPrefix(d.String(), "u") {
		v, err = strconv.ParseUint(text, 10, width)
	} else {
		var n int64
		n, err = strconv.ParseInt(text, 10, width)
		v = uint64(n)
	}
	if err != nil {
		return nil, corrupt("fill value %s of type %v", text, d)
	}
	if width < 8 {
		v &= 1<<width - 1 // as elements has them
	}
	return binary.LittleEndian.AppendUint64(nil, v)[:d.Size()], nil
}

// floatFill reads a number, or one of the strings NaN, Infinity, -Infinity, a
// number in a string (version 2), or the bits as 0x... (version 3).
func floatFill(j *strictjson.Decoder, d tensor.DType, format int) ([]byte, error) {
	k, err := j.Peek()
	if err != nil {
		return nil, err
	}
	text := ""
	if k == strictjson.String {
		text, err = j.String()
	} else {
		text, err = j.Number()
	}
	if err != nil {
		return nil, err
	}
	if hex, ok := strings.CutPrefix(text, "0x"); ok && format == 3 {
		v, err := strconv.ParseUint(hex, 16, 64)
		if err != nil || len(hex) != 2*d.Size() {
			return nil, corrupt("fill value %q of type %v", text, d)
		}
		return binary.LittleEndian.AppendUint64(nil, v)[:d.Size()], nil
	}
	if d == tensor.Float4E2M1FN && k == strictjson.String && format == 2 {
		// TensorStore takes the path of raw bytes for this type.
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != 1 {
			return nil, corrupt("fill value %q of type %v", text, d)
		}
		return raw, nil
	}
	if k == strictjson.String && format == 3 && text != "NaN" && text != "Infinity" && text != "-Infinity" {
		return nil, corrupt("fill value %q of type %v", text, d)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, corrupt("fill value %q of type %v", text, d)
	}
	return encodeFloat(v, d)
}

// encodeFloat rounds v to the nearest value of d, ties to even.
func encodeFloat(v float64, d tensor.DType) ([]byte, error) {
	switch d {
	case tensor.Float64:
		if math.IsNaN(v) {
			return binary.LittleEndian.AppendUint64(nil, 0x7ff8<<48), nil // Go's own has another bit set
		}
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), nil
	case tensor.Float32:
		if math.IsNaN(v) {
			return binary.LittleEndian.AppendUint32(nil, 0x7fc00000), nil
		}
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v))), nil
	case tensor.Float16:
		return binary.LittleEndian.AppendUint16(nil, roundFloat(v, 5, 10)), nil
	case tensor.BFloat16:
		return binary.LittleEndian.AppendUint16(nil, roundFloat(v, 8, 7)), nil
	}
	return encodeNarrow(v, d)
}

// narrowNaN is the NaN that TensorStore converts others to.
var narrowNaN = map[tensor.DType]byte{
	tensor.Float8E3M4: 0x78, tensor.Float8E4M3FN: 0x7f, tensor.Float8E4M3FNUZ: 0x80, tensor.Float8E4M3B11FNUZ: 0x80,
	tensor.Float8E5M2: 0x7e, tensor.Float8E5M2FNUZ: 0x80, tensor.Float8E8M0FNU: 0xff,
}

// encodeNarrow returns the pattern of a type of one byte that stands for v,
// which must be one of its values: TensorStore rounds before it writes.
func encodeNarrow(v float64, d tensor.DType) ([]byte, error) {
	if bits, ok := narrowNaN[d]; ok && math.IsNaN(v) {
		return []byte{bits}, nil
	}
	if d == tensor.Float8E8M0FNU {
		// It has no zero: TensorStore writes its least pattern as 0. For other
		// numbers TensorStore takes patterns that stand for other values (1.0 for
		// 0x3f, which is 2^-64), so that nobody can say which is meant.
		if v == 0 {
			return []byte{0}, nil
		}
		return nil, unsupported("fill value %v of type %v (0, NaN and hexadecimal bits are supported)", v, d)
	}
	patterns := 1 << 8
	if d == tensor.Float4E2M1FN {
		patterns = 1 << 4
	}
	for bits := range patterns {
		var value [1]float32
		if err := tensor.DecodeFloat32(value[:], []byte{byte(bits)}, d); err != nil {
			return nil, unsupported("fill value %v of type %v", v, d)
		}
		if w := float64(value[0]); w == v && math.Signbit(w) == math.Signbit(v) {
			return []byte{byte(bits)}, nil
		}
	}
	return nil, unsupported("fill value %v, which is no value of type %v", v, d)
}

// roundFloat returns the bits of v in a 16 bit format like IEEE 754's with e
// bits of exponent and m of mantissa.
func roundFloat(v float64, e, m int) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign = 1 << (e + m)
	}
	top := uint16(1<<e-1) << m // infinity
	bias := 1<<(e-1) - 1
	switch {
	case math.IsNaN(v):
		return top | 1<<(m-1)
	case math.IsInf(v, 0):
		return sign | top
	case v == 0:
		return sign
	}
	_, exp := math.Frexp(v) // |v| = f * 2^exp, f in [0.5, 1)
	least := max(exp-1, 1-bias) - m
	n := math.RoundToEven(math.Ldexp(math.Abs(v), -least)) // in units of the last place: at most 2^(m+1)
	units := uint64(n)
	// Counting units from the smallest normal's exponent makes carries into the
	// exponent come out right, also from subnormal to normal.
	bits := uint64(least+m+bias-1)<<m + units
	if bits >= uint64(top) {
		return sign | top
	}
	return sign | uint16(bits)
}
