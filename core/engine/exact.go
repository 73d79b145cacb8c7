package engine

import (
	"math"
	"math/big"
)

// exactSum is a sum of non-negative float64 values without any rounding, so
// that it does not depend on the order of the summands. Limb i counts units of
// 2^(32i-1074); the limbs have room for 2^31 additions between two carries.
type exactSum struct {
	limbs [68]uint64
	count uint32
}

// add adds v, which is finite and not negative.
func (s *exactSum) add(v float64) {
	b := math.Float64bits(v)
	m, e := b&(1<<52-1), b>>52
	if e > 0 {
		m |= 1 << 52
		e--
	}
	i, shift := e>>5, e&31
	low := m << shift // the part that leaves 64 bits follows
	high := m >> (64 - shift)
	s.limbs[i] += low & 0xffffffff
	s.limbs[i+1] += low >> 32
	s.limbs[i+2] += high
	if s.count++; s.count >= 1<<31 {
		s.carry()
	}
}

func (s *exactSum) carry() {
	var c uint64
	for i, l := range s.limbs {
		l += c
		s.limbs[i], c = l&0xffffffff, l>>32
	}
	s.count = 1
}

// merge adds t, and empties it.
func (s *exactSum) merge(t *exactSum) {
	t.carry()
	s.carry()
	for i, l := range t.limbs {
		s.limbs[i] += l
	}
	s.carry()
	*t = exactSum{}
}

// value returns the sum, rounded to 128 bits.
func (s *exactSum) value() *big.Float {
	s.carry()
	n := new(big.Int)
	for i := len(s.limbs) - 1; i >= 0; i-- {
		n.Lsh(n, 32)
		n.Or(n, new(big.Int).SetUint64(s.limbs[i]))
	}
	f := new(big.Float).SetPrec(128).SetInt(n)
	return f.SetMantExp(f, -1074)
}

// sqrt returns the root of the sum.
func (s *exactSum) sqrt() float64 {
	f := s.value()
	if f.Sign() > 0 {
		f.Sqrt(f)
	}
	v, _ := f.Float64()
	return v
}
