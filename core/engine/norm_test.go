package engine

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestExactSum adds numbers of all magnitudes, in two orders, beside big.Float.
func TestExactSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var a, b, c exactSum
		want := new(big.Float).SetPrec(4000)
		var all []float64
		for range 1 + rng.IntN(300) {
			v := math.Ldexp(rng.Float64(), rng.IntN(300)-150)
			if rng.IntN(20) == 0 {
				v = math.Float64frombits(rng.Uint64N(1 << 54)) // the smallest there are
			}
			if rng.IntN(50) == 0 {
				v = math.Ldexp(rng.Float64(), 900)
			}
			all = append(all, v)
			want.Add(want, new(big.Float).SetFloat64(v))
		}
		for i := range all {
			a.add(all[i])
			if j := len(all) - 1 - i; j%3 == 0 {
				b.add(all[j])
			} else {
				c.add(all[j])
			}
		}
		b.merge(&c)
		w, _ := want.SetPrec(128).Sqrt(want).Float64()
		if x, y := a.sqrt(), b.sqrt(); x != w || y != w {
			t.Fatalf("%v and %v, wanted %v", x, y, w)
		}
	}
}

func TestExactSumCarries(t *testing.T) {
	var a exactSum
	a.limbs[30], a.count = 1<<62, 1<<31-1
	a.add(1)
	if a.limbs[30] >= 1<<32 || a.count != 1 {
		t.Errorf("limb %#x after the carry, count %d", a.limbs[30], a.count)
	}
}

func TestSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for n := range 70 {
		before, after := make([]float32, n), make([]float32, n)
		for i := range before {
			before[i], after[i] = float32(rng.NormFloat64()), float32(math.Ldexp(rng.Float64(), rng.IntN(60)-30))
		}
		var got, want [16]float64
		got[3] = 77 // of no account
		squares(before, after, &got)
		squaresPortable(before, after, &want)
		if got != want {
			t.Errorf("%d elements: %v, wanted %v", n, got, want)
		}
		var b, d float64
		for i := range before {
			x, y := float64(before[i]), float64(after[i]-before[i])
			b, d = b+x*x, d+y*y
		}
		if math.Abs(fold(want[:8])-b) > 1e-12*b || math.Abs(fold(want[8:])-d) > 1e-12*d {
			t.Errorf("%d elements: %v and %v, wanted %v and %v", n, fold(want[:8]), fold(want[8:]), b, d)
		}
	}
}

// TestNormsLeaveOut says what happens to values that are not finite.
func TestNormsLeaveOut(t *testing.T) {
	var n norms
	inf := float32(math.Inf(1))
	n.block([]float32{3, inf, 1, 2}, []float32{3, 1, inf, 6})
	if b, d := n.base.sqrt(), n.delta.sqrt(); b != math.Sqrt(9+4) || d != 4 {
		t.Errorf("base %v, delta %v", b, d)
	}
}
