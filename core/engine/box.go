package engine

// box is a set of coordinates of a source tensor: lo[x] <= i[x] < hi[x].
type box struct{ lo, hi []int }

func newBox(rank int) box {
	room := make([]int, 2*rank)
	return box{room[:rank:rank], room[rank:]}
}

func (b box) clone() box {
	c := newBox(len(b.lo))
	copy(c.lo, b.lo)
	copy(c.hi, b.hi)
	return c
}

// elements returns how many coordinates b holds.
func (b box) elements() int {
	n := 1
	for x := range b.lo {
		n *= max(0, b.hi[x]-b.lo[x])
	}
	return n
}

func (b box) overlaps(c box) bool {
	for x := range b.lo {
		if b.hi[x] <= c.lo[x] || c.hi[x] <= b.lo[x] {
			return false
		}
	}
	return true
}

// intersect sets out to what is in both b and c and reports whether that is
// anything.
func (b box) intersect(c, out box) bool {
	some := true
	for x := range b.lo {
		out.lo[x], out.hi[x] = max(b.lo[x], c.lo[x]), min(b.hi[x], c.hi[x])
		some = some && out.lo[x] < out.hi[x]
	}
	return some
}

// compact sets strides to those of b's elements in C order.
func (b box) compact(strides []int) {
	n := 1
	for x := len(b.lo) - 1; x >= 0; x-- {
		strides[x] = n
		n *= b.hi[x] - b.lo[x]
	}
}
