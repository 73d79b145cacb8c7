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
