package tensor

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Limits that hold for every tensor that comes from outside.
const (
	MaxRank  = 32
	MaxDim   = 1 << 48
	MaxBytes = 1 << 40 // of one tensor
)

// Shape holds the sizes of a tensor's axes, outermost first.
type Shape []int

// Check reports why s with elements of type d cannot be a tensor's shape: a
// negative or absurd axis, too many axes, or more bytes than MaxBytes.
func (s Shape) Check(d DType) error {
	if len(s) > MaxRank {
		return fmt.Errorf("shape has %d axes, at most %d are supported", len(s), MaxRank)
	}
	bytes := uint64(d.Size())
	for i, n := range s {
		if n < 0 || n > MaxDim {
			return fmt.Errorf("axis %d of shape %v has size %d, outside 0..%d", i, s, n, MaxDim)
		}
	}
	if slices.Contains(s, 0) {
		return nil
	}
	for _, n := range s {
		hi, lo := bits.Mul64(bytes, uint64(n))
		if hi != 0 || lo > MaxBytes {
			return fmt.Errorf("shape %v of %s needs more than %d bytes", s, d, int64(MaxBytes))
		}
		bytes = lo
	}
	return nil
}

// Elements returns the number of elements; 1 for a scalar. The shape must
// have passed Check.
func (s Shape) Elements() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Strides returns the C-order strides of s, in elements.
func (s Shape) Strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// Equal reports whether s and t are the same shape.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// String writes the shape as [18, 8, 256].
func (s Shape) String() string {
	p := make([]string, len(s))
	for i, n := range s {
		p[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(p, ", ") + "]"
}

// Region is a box of a tensor's elements: from Origin, Shape elements along
// each axis.
type Region struct {
	Origin []int
	Shape  Shape
}

// Whole returns the region that is all of a tensor of shape s.
func Whole(s Shape) Region {
	return Region{Origin: make([]int, len(s)), Shape: slices.Clone(s)}
}

// Inside reports whether r lies within a tensor of shape s.
func (r Region) Inside(s Shape) bool {
	if len(r.Origin) != len(s) || len(r.Shape) != len(s) {
		return false
	}
	for i := range s {
		if r.Origin[i] < 0 || r.Shape[i] < 0 || r.Origin[i] > s[i]-r.Shape[i] {
			return false
		}
	}
	return true
}

// Intersect returns the region that is in both r and q, and whether it holds
// any element.
func (r Region) Intersect(q Region) (Region, bool) {
	out := Region{Origin: make([]int, len(r.Origin)), Shape: make(Shape, len(r.Shape))}
	for i := range r.Origin {
		lo := max(r.Origin[i], q.Origin[i])
		hi := min(r.Origin[i]+r.Shape[i], q.Origin[i]+q.Shape[i])
		if hi <= lo {
			return Region{}, false
		}
		out.Origin[i], out.Shape[i] = lo, hi-lo
	}
	return out, true
}
