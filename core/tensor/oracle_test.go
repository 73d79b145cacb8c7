package tensor

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// A format is the textbook definition of a binary float type, written with
// float64 arithmetic and used only to judge the codecs.
type format struct {
	name               string
	exponent, mantissa int
}

var (
	bf16Format = format{"bfloat16", 8, 7}
	f16Format  = format{"float16", 5, 10}
	f32Format  = format{"float32", 8, 23}
)

func (f format) inf() uint64  { return (1<<f.exponent - 1) << f.mantissa }
func (f format) sign() uint64 { return 1 << (f.exponent + f.mantissa) }

// value returns the value of a finite, positive pattern.
func (f format) value(p uint64) float64 {
	bias := 1<<(f.exponent-1) - 1
	e, m := int(p>>f.mantissa), int(p&(1<<f.mantissa-1))
	if e == 0 {
		return math.Ldexp(float64(m), 1-bias-f.mantissa)
	}
	return math.Ldexp(float64(m)+math.Ldexp(1, f.mantissa), e-bias-f.mantissa)
}

// round returns the pattern nearest to x, ties to the even pattern, by search
// and exact comparison of distances.
func (f format) round(x float64) uint64 {
	if math.Signbit(x) {
		return f.sign() | f.round(-x)
	}
	if math.IsInf(x, 1) {
		return f.inf()
	}
	// The first pattern whose value is above x; infinity counts as the value
	// that would follow the largest one.
	lo, hi := uint64(0), f.inf()
	for lo < hi {
		mid := (lo + hi) / 2
		if f.value(mid) > x {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if hi == 0 {
		return 0
	}
	below, above := hi-1, hi
	if below == f.inf()-1 && x >= f.value(f.inf()) {
		return f.inf()
	}
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(2400).SetFloat64(v) }
	down := new(big.Float).SetPrec(2400).Sub(exact(x), exact(f.value(below)))
	up := new(big.Float).SetPrec(2400).Sub(exact(f.value(above)), exact(x))
	switch down.Cmp(up) {
	case -1:
		return below
	case 1:
		return above
	}
	return below + below&1
}

func TestOracleAgainstFloat32(t *testing.T) {
	for _, x := range []float64{0, 1, 1.5, 0.1, 1e-45, 7e-46, 7.1e-46, 3.4028235e38, 3.40282357e38, 1e39, math.Pi, 1 << 24, 1<<24 + 1, 1<<24 + 3} {
		if got, want := f32Format.round(x), uint64(math.Float32bits(float32(x))); got != want {
			t.Errorf("round(%g) = %#x, want %#x", x, got, want)
		}
	}
}

// probes32 returns float32 patterns at, beside and half way between the
// positive values of f that patterns selects.
func (f format) probes32(patterns []uint64) []uint32 {
	var out []uint32
	for _, p := range patterns {
		at := math.Float32bits(float32(f.value(p)))
		mid := math.Float32bits(float32((f.value(p) + f.value(p+1)) / 2))
		out = append(out, at, at+1, mid-1, mid, mid+1)
		if at > 0 {
			out = append(out, at-1)
		}
	}
	return out
}

func (f format) probes64(patterns []uint64) []uint64 {
	var out []uint64
	for _, p := range patterns {
		at := math.Float64bits(f.value(p))
		mid := math.Float64bits((f.value(p) + f.value(p+1)) / 2)
		out = append(out, at, at+1, mid-1, mid, mid+1)
		if at > 0 {
			out = append(out, at-1)
		}
	}
	return out
}

// finite returns all positive finite patterns of a 16-bit format.
func (f format) finite() []uint64 {
	var out []uint64
	for p := uint64(0); p < f.inf(); p++ {
		out = append(out, p)
	}
	return out
}

// both adds the negative of each pattern.
func both[T uint32 | uint64](p []T, sign T) []T {
	out := slices.Clone(p)
	for _, v := range p {
		out = append(out, v|sign)
	}
	return out
}
