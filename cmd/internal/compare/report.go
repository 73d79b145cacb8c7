package compare

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/loraconv/loraconv/core/tensor"
)

// Report is what diff -json prints; its names are a contract.
type Report struct {
	Equal    bool     `json:"equal"`
	Compared int      `json:"compared"` // tensors that both sides have
	OnlyInA  []string `json:"only_in_a"`
	OnlyInB  []string `json:"only_in_b"`
	Tensors  []Tensor `json:"tensors"` // those that differ, sorted by name
	Strings  []String `json:"strings"` // text leaves that differ
	Widened  int      `json:"widened"` // tensors whose element types differ and whose values are within the tolerance
}

// Tensor is a parameter that differs.
type Tensor struct {
	Name   string       `json:"name"`
	Reason string       `json:"reason"` // "dtype", "shape" or "values"
	DTypeA tensor.DType `json:"dtype_a"`
	DTypeB tensor.DType `json:"dtype_b"`
	ShapeA tensor.Shape `json:"shape_a"`
	ShapeB tensor.Shape `json:"shape_b"`
	// The rest is set where the values could be compared.
	Elements  int64   `json:"elements"`
	Differing int64   `json:"differing"`
	MaxAbs    Number  `json:"max_abs"` // largest |a-b|, of elements where both are numbers
	NaN       int64   `json:"nan"`     // of Differing: NaN on one side alone
	First     []int   `json:"first"`   // index of the first that differs; null where none does
	FirstA    *Number `json:"first_a,omitempty"`
	FirstB    *Number `json:"first_b,omitempty"`
}

// String is a text leaf that differs; null on the side that lacks it.
type String struct {
	Name string  `json:"name"`
	A    *string `json:"a"`
	B    *string `json:"b"`
}

// Number is a float64; what JSON has no number for is the text "NaN", "+Inf"
// or "-Inf".
type Number float64

// MarshalJSON writes the number.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return json.Marshal(float64(n))
}
