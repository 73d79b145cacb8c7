package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// The oracle reads safetensors with a parser of its own, so that a fault of
// the writer cannot hide behind the same fault of the reader.

type oracleTensor struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
	data    []byte
}

func readOracle(t *testing.T, name string) map[string]oracleTensor {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b)
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]oracleTensor{}
	for k, v := range raw {
		if k == "__metadata__" {
			continue
		}
		var x oracleTensor
		if err := json.Unmarshal(v, &x); err != nil {
			t.Fatal(err)
		}
		x.data = b[8+int(n)+x.Offsets[0] : 8+int(n)+x.Offsets[1]]
		out[k] = x
	}
	return out
}

func (o oracleTensor) float32s() []float32 {
	out := make([]float32, len(o.data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(o.data[4*i:]))
	}
	return out
}

// nearestBF16 rounds to nearest even, by arithmetic on the two neighbours.
func nearestBF16(x float64) uint16 {
	f := float32(x)
	down := math.Float32bits(f) &^ 0xffff
	up := down + 0x10000
	lo, hi := math.Float32frombits(down), math.Float32frombits(up)
	dl, dh := math.Abs(x-float64(lo)), math.Abs(float64(hi)-x)
	if dl < dh || dl == dh && down>>16&1 == 0 {
		return uint16(down >> 16)
	}
	return uint16(up >> 16)
}

func fromBF16(u uint16) float64 { return float64(math.Float32frombits(uint32(u) << 16)) }

// ulpOf is a unit in the last place of a float32 of this magnitude.
func ulpOf(bound float64) float64 {
	return math.Ldexp(1, math.Ilogb(bound)-23)
}

// compareTensor checks one output tensor against the framework's float32
// result. tol is 0 for tensors that are copies: those must be equal to the bit,
// or the exact rounding.
func compareTensor(got, want oracleTensor, dtype string, tol float64) error {
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("shape %v, wanted %v", got.Shape, want.Shape)
	}
	if got.DType != dtype {
		return fmt.Errorf("type %s, wanted %s", got.DType, dtype)
	}
	for i, w := range want.float32s() {
		switch dtype {
		case "F32":
			g := math.Float32frombits(binary.LittleEndian.Uint32(got.data[4*i:]))
			if tol == 0 && math.Float32bits(g) != math.Float32bits(w) || !(math.Abs(float64(g)-float64(w)) <= tol) {
				return fmt.Errorf("element %d is %v, wanted %v within %g", i, g, w, tol)
			}
		case "BF16":
			g := binary.LittleEndian.Uint16(got.data[2*i:])
			if tol == 0 && g != nearestBF16(float64(w)) {
				return fmt.Errorf("element %d is %v, wanted the rounding of %v", i, fromBF16(g), w)
			}
			lo, hi := fromBF16(nearestBF16(float64(w)-tol)), fromBF16(nearestBF16(float64(w)+tol))
			if v := fromBF16(g); !(lo <= v && v <= hi) {
				return fmt.Errorf("element %d is %v, wanted %v to %v", i, v, lo, hi)
			}
		default:
			return fmt.Errorf("type %s is not expected", dtype)
		}
	}
	return nil
}
