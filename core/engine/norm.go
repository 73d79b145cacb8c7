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

// sqrt returns the root of the sum.
func (s *exactSum) sqrt() float64 {
	s.carry()
	n := new(big.Int)
	for i := len(s.limbs) - 1; i >= 0; i-- {
		n.Lsh(n, 32)
		n.Or(n, new(big.Int).SetUint64(s.limbs[i]))
	}
	f := new(big.Float).SetPrec(128).SetInt(n)
	f.SetMantExp(f, -1074)
	if f.Sign() > 0 {
		f.Sqrt(f)
	}
	v, _ := f.Float64()
	return v
}

// normBlock is how many neighbours along the last axis are summed in float64
// before they enter an exact sum. Tiles are cut at multiples of it, so that the
// blocks are the same whatever the tiles.
const normBlock = 128

// norms are the sums of squares of one target.
type norms struct{ base, delta exactSum }

func (n *norms) merge(m *norms) {
	n.base.merge(&m.base)
	n.delta.merge(&m.delta)
}

// block adds a block: before and after the terms.
func (n *norms) block(before, after []float32) {
	var lanes [16]float64
	squares(before, after, &lanes)
	if b, d := fold(lanes[:8]), fold(lanes[8:]); finite(b) && finite(d) {
		n.base.add(b)
		n.delta.add(d)
		return
	}
	for i := range before {
		n.element(before[i], after[i])
	}
}

// squaresPortable sums squares in eight lanes each: those of before in the
// first eight, those of float32(after - before) in the others. Element i goes
// to lane i modulo 8, in order.
func squaresPortable(before, after []float32, lanes *[16]float64) {
	*lanes = [16]float64{}
	for len(before) >= 8 {
		squaresRest(before[:8], after[:8], lanes)
		before, after = before[8:], after[8:]
	}
	squaresRest(before, after, lanes)
}

// squaresRest adds up to eight elements, the first to lane 0.
func squaresRest(before, after []float32, lanes *[16]float64) {
	for i, x := range before {
		u, p := float64(x), float64(after[i]-x)
		lanes[i&7] += float64(u * u)
		lanes[8+i&7] += float64(p * p)
	}
}

// fold adds eight lanes up.
func fold(l []float64) float64 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// element adds one element: exactly, since the square of a float32 is a
// float64.
func (n *norms) element(before, after float32) {
	u, p := float64(before), float64(after-before)
	if finite(u) && finite(p) {
		n.base.add(u * u)
		n.delta.add(p * p)
	}
}

func finite(v float64) bool { return math.Float64bits(v)&(0x7ff<<52) != 0x7ff<<52 }
