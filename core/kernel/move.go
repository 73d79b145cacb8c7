package kernel

// maxAxes is tensor.MaxRank; shapes up to it are worked on without allocation.
const maxAxes = 32

// Move copies a box of elements to their places, bit for bit: for each index
// (i0, i1, ...) below shape, the element of src at i0*srcStrides[0] +
// i1*srcStrides[1] + ... to dst at i0*dstStrides[0] + i1*dstStrides[1] + ...
//
// Strides count elements, of size bytes (1, 2, 4, 8 or 16), and are not
// negative. dst and src do not overlap, and no two indices share a place in
// dst; neither is checked. Every permutation of axes, slice, concatenation and
// interleaving is such a move. Neither slice needs to be aligned.
//
// A run that is contiguous on both sides is one copy; axes that change places
// go through a tile that is transposed in the first-level cache, so that each
// visit to a distant row of dst writes a whole run (see transpose.go).
func Move(dst, src []byte, size int, shape, dstStrides, srcStrides []int) {
	move(dst, src, size, shape, dstStrides, srcStrides, near)
}

// MoveOut is Move to a dst that is long and that nobody reads soon: where the
// processor can, whole lines of it are written past the caches, which then need
// not read them first.
func MoveOut(dst, src []byte, size int, shape, dstStrides, srcStrides []int) {
	move(dst, src, size, shape, dstStrides, srcStrides, far)
	endStream()
}

// reach says who wants dst.
type reach bool

const (
	near reach = false // whoever comes next: it may stay in the caches
	far  reach = true  // somebody later
)

// put copies a run, len(dst) bytes of src.
func (r reach) put(dst, src []byte) {
	if r == far {
		stream(dst, src)
		return
	}
	copy(dst, src)
}

func move(dst, src []byte, size int, shape, dstStrides, srcStrides []int, to reach) {
	if len(shape) > maxAxes || len(dstStrides) != len(shape) || len(srcStrides) != len(shape) {
		panic(badShape)
	}
	switch size {
	case 1, 2, 4, 8, 16:
	default:
		panic(badElement)
	}
	for _, n := range shape {
		if n < 0 {
			panic(badSize)
		}
	}
	for _, n := range shape {
		if n == 0 {
			return
		}
	}
	checkExtent(len(dst)/size, shape, dstStrides, shortDst)
	checkExtent(len(src)/size, shape, srcStrides, shortSrc)

	var room [maxAxes]axis
	axes := room[:0]
	for i, n := range shape {
		if n > 1 {
			axes = append(axes, axis{n, dstStrides[i] * size, srcStrides[i] * size})
		}
	}
	moveAxes(dst, src, size, normalize(axes), to)
}

// axis is one axis of a move, its strides in bytes.
type axis struct{ n, dst, src int }

// checkExtent panics with short unless the last element lies below room.
func checkExtent(room int, shape, strides []int, short string) {
	if room == 0 {
		panic(short)
	}
	left := room - 1
	for i, n := range shape {
		switch s := strides[i]; {
		case n == 1 || s == 0:
		case s < 0 || n-1 > left/s:
			panic(short)
		default:
			left -= (n - 1) * s
		}
	}
}

// normalize orders the axes as they lie in src, outermost first, and joins
// neighbours that are neighbours on both sides.
func normalize(axes []axis) []axis {
	for i := 1; i < len(axes); i++ {
		for j := i; j > 0 && axes[j-1].src < axes[j].src; j-- {
			axes[j-1], axes[j] = axes[j], axes[j-1]
		}
	}
	out := axes[:0]
	for _, x := range axes {
		if k := len(out) - 1; k >= 0 && out[k].src == x.src*x.n && out[k].dst == x.dst*x.n {
			out[k] = axis{out[k].n * x.n, x.dst, x.src}
			continue
		}
		out = append(out, x)
	}
	return out
}

// moveAxes takes normalized axes. What is contiguous on both sides becomes one
// wider element.
func moveAxes(dst, src []byte, width int, axes []axis, to reach) {
	if k := len(axes) - 1; k >= 0 && axes[k].src == width && axes[k].dst == width {
		width *= axes[k].n
		axes = axes[:k]
	}
	if len(axes) == 0 {
		to.put(dst[:width], src)
		return
	}
	p, q := 0, len(axes)-1 // the fastest axes of dst and of src
	for i, x := range axes {
		if x.dst <= axes[p].dst {
			p = i
		}
	}
	single := width <= 8 && width&(width-1) == 0
	if single && p != q && axes[q].src == width {
		transpose(dst, src, width, axes, p, to)
		return
	}
	moveStrided(dst, src, width, axes, single, to)
}

// moveStrided goes through src in order and copies single elements, or runs.
func moveStrided(dst, src []byte, width int, axes []axis, single bool, to reach) {
	x := axes[0]
	switch {
	case len(axes) > 1:
		for i := range x.n {
			moveStrided(dst[i*x.dst:], src[i*x.src:], width, axes[1:], single, to)
		}
	case single:
		copyStrided(dst, src, width, x)
	default:
		for i := range x.n {
			to.put(dst[i*x.dst:][:width], src[i*x.src:])
		}
	}
}

// copyStrided copies elements of 1, 2, 4 or 8 bytes.
func copyStrided(dst, src []byte, width int, x axis) {
	switch width {
	case 1:
		for i := range x.n {
			dst[i*x.dst] = src[i*x.src]
		}
	case 2:
		for i := range x.n {
			*(*[2]byte)(dst[i*x.dst:]) = [2]byte(src[i*x.src:])
		}
	case 4:
		for i := range x.n {
			*(*[4]byte)(dst[i*x.dst:]) = [4]byte(src[i*x.src:])
		}
	case 8:
		for i := range x.n {
			*(*[8]byte)(dst[i*x.dst:]) = [8]byte(src[i*x.src:])
		}
	}
}
