package zarr

import "github.com/loraconv/loraconv/core/tensor"

// v2types maps the letter and size of a numpy type string to an element type.
var v2types = map[string]tensor.DType{
	"b1": tensor.Bool,
	"i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
	"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64,
	"c8": tensor.Complex64, "c16": tensor.Complex128,
}

// parseV2Type reads the "dtype" of a .zarray: a numpy type string such as
// <f4, or the bare name of a type that numpy lacks, such as bfloat16
// (tensorstore/driver/zarr/dtype.cc).
func parseV2Type(s string) (d tensor.DType, big bool, err error) {
	if d, err := tensor.ParseDType(s); err == nil && !numpyHas(d) {
		return d, false, nil
	}
	if len(s) < 2 {
		return 0, false, unsupported("dtype %q", s)
	}
	d, ok := v2types[s[1:]]
	if !ok {
		return 0, false, unsupported("dtype %q", s)
	}
	switch {
	case s[0] == '<' && d != tensor.Bool:
	case s[0] == '>' && d != tensor.Bool:
		big = true
	case s[0] == '|' && d.Size() == 1:
	default:
		return 0, false, unsupported("dtype %q", s)
	}
	return d, big, nil
}

func numpyHas(d tensor.DType) bool {
	for _, t := range v2types {
		if t == d {
			return true
		}
	}
	return false
}

// component is the number of bytes that a change of byte order reverses.
func component(d tensor.DType) int {
	if d.Kind() == tensor.KindComplex {
		return d.Size() / 2
	}
	return d.Size()
}
