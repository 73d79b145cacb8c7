package tensor

import "fmt"

// DType is an element type as it is stored. Its name is numpy's (with
// ml_dtypes' names for the types that numpy lacks), which is also what
// TensorStore writes.
type DType uint8

// The element types that Orbax or safetensors can hold.
const (
	Invalid DType = iota
	Bool
	Int2
	Int4
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float4E2M1FN
	Float8E3M4
	Float8E4M3FN
	Float8E4M3FNUZ
	Float8E4M3B11FNUZ
	Float8E5M2
	Float8E5M2FNUZ
	Float8E8M0FNU
	BFloat16
	Float16
	Float32
	Float64
	Complex64
	Complex128
	numDTypes
)

// Kind groups element types by what may be done with them.
type Kind uint8

// The kinds. Only KindFloat values may be converted or take part in
// arithmetic; values of all other kinds are moved and never changed.
const (
	KindInvalid Kind = iota
	KindBool
	KindInt
	KindFloat
	KindComplex
)

var dtypes = [numDTypes]struct {
	name        string
	safetensors string // the type's name in a safetensors header; "" where the format has none
	size        int    // bytes of one element, as stored and as held in memory
	kind        Kind
}{
	Invalid:           {"invalid", "", 0, KindInvalid},
	Bool:              {"bool", "BOOL", 1, KindBool},
	Int2:              {"int2", "", 1, KindInt},
	Int4:              {"int4", "", 1, KindInt},
	Int8:              {"int8", "I8", 1, KindInt},
	Int16:             {"int16", "I16", 2, KindInt},
	Int32:             {"int32", "I32", 4, KindInt},
	Int64:             {"int64", "I64", 8, KindInt},
	Uint8:             {"uint8", "U8", 1, KindInt},
	Uint16:            {"uint16", "U16", 2, KindInt},
	Uint32:            {"uint32", "U32", 4, KindInt},
	Uint64:            {"uint64", "U64", 8, KindInt},
	Float4E2M1FN:      {"float4_e2m1fn", "", 1, KindFloat},
	Float8E3M4:        {"float8_e3m4", "", 1, KindFloat},
	Float8E4M3FN:      {"float8_e4m3fn", "F8_E4M3", 1, KindFloat},
	Float8E4M3FNUZ:    {"float8_e4m3fnuz", "", 1, KindFloat},
	Float8E4M3B11FNUZ: {"float8_e4m3b11fnuz", "", 1, KindFloat},
	Float8E5M2:        {"float8_e5m2", "F8_E5M2", 1, KindFloat},
	Float8E5M2FNUZ:    {"float8_e5m2fnuz", "", 1, KindFloat},
	Float8E8M0FNU:     {"float8_e8m0fnu", "F8_E8M0", 1, KindFloat},
	BFloat16:          {"bfloat16", "BF16", 2, KindFloat},
	Float16:           {"float16", "F16", 2, KindFloat},
	Float32:           {"float32", "F32", 4, KindFloat},
	Float64:           {"float64", "F64", 8, KindFloat},
	Complex64:         {"complex64", "C64", 8, KindComplex},
	Complex128:        {"complex128", "", 16, KindComplex},
}

func (d DType) valid() DType {
	if d >= numDTypes {
		return Invalid
	}
	return d
}

// String returns numpy's name of the type.
func (d DType) String() string { return dtypes[d.valid()].name }

// Size returns the bytes of one element. Types narrower than a byte (int4)
// are held one element a byte, as TensorStore stores them.
func (d DType) Size() int { return dtypes[d.valid()].size }

// Kind returns what may be done with values of the type.
func (d DType) Kind() Kind { return dtypes[d.valid()].kind }

// Safetensors returns the type's name in a safetensors header, or "" where
// that format cannot hold it.
func (d DType) Safetensors() string { return dtypes[d.valid()].safetensors }

// ParseDType returns the type of numpy's name.
func ParseDType(name string) (DType, error) {
	for d := Invalid + 1; d < numDTypes; d++ {
		if dtypes[d].name == name {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown element type %q", name)
}

// ParseSafetensorsDType returns the type of a safetensors header's name.
func ParseSafetensorsDType(name string) (DType, error) {
	for d := Invalid + 1; d < numDTypes; d++ {
		if name != "" && dtypes[d].safetensors == name {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown safetensors element type %q", name)
}

// MarshalText writes numpy's name.
func (d DType) MarshalText() ([]byte, error) {
	if d.valid() == Invalid {
		return nil, fmt.Errorf("element type %d has no name", uint8(d))
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads numpy's name.
func (d *DType) UnmarshalText(text []byte) error {
	v, err := ParseDType(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
