package engine

import (
	"fmt"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// piece is a plan.Piece in coordinates of the source: element (i0, i1, ...) is
// read at at[axis] + sum of i_k*step_k over the dims of each axis, and belongs
// at dst + sum of i_k*dst_k of the output tensor. buf and the dims' buf say the
// same of a window's buffer.
type piece struct {
	tensor   int
	dims     []dim
	at       []int
	dst, buf int
	bounds   box
}

type dim struct{ size, axis, step, dst, buf int }

// newPiece relates the flat strides of p to the axes of a source of shape s.
// It refuses a piece that steps outside of an axis, which no lowered
// expression does.
func newPiece(target int, p *plan.Piece, s tensor.Shape) (*piece, error) {
	q := &piece{tensor: target, dst: p.Dst, at: make([]int, len(s)), bounds: newBox(len(s))}
	strides := s.Strides()
	for x, n := range s {
		q.at[x] = p.Src / strides[x] % n
	}
	for _, d := range p.Dims {
		if err := q.split(d, s, strides); err != nil {
			return nil, err
		}
	}
	copy(q.bounds.lo, q.at)
	copy(q.bounds.hi, q.at)
	for _, d := range q.dims {
		q.bounds.hi[d.axis] += d.step * (d.size - 1)
	}
	for x, n := range s {
		if q.bounds.hi[x]++; q.bounds.hi[x] > n {
			return nil, fmt.Errorf("a piece leaves axis %d of the source shape %v", x, s)
		}
	}
	return q, nil
}

// split takes d apart where it runs over several axes.
func (p *piece) split(d plan.Dim, s tensor.Shape, strides []int) error {
	for axis := len(s) - 1; axis >= 0 && d.Size > 1; axis-- {
		st := strides[axis]
		room := st * s[axis]
		if s[axis] == 1 || d.Src >= room {
			continue
		}
		if d.Src < st || d.Src%st != 0 {
			break
		}
		n := d.Size
		if axis > 0 && d.Src*d.Size > room && room%d.Src == 0 && d.Size%(room/d.Src) == 0 {
			n = room / d.Src
		}
		p.dims = append(p.dims, dim{size: n, axis: axis, step: d.Src / st, dst: d.Dst})
		d = plan.Dim{Size: d.Size / n, Src: d.Src * n, Dst: d.Dst * n}
	}
	if d.Size > 1 {
		return fmt.Errorf("a stride of %d does not fit the source shape %v", d.Src, s)
	}
	return nil
}

func (p *piece) elements() int {
	n := 1
	for _, d := range p.dims {
		n *= d.size
	}
	return n
}

// cutter finds the parts of a piece that lie in a box. A part is again a piece,
// valid while emit runs; its bounds are not set.
type cutter struct {
	piece
	within box
	emit   func(*piece)
}

// cut calls c.emit for each part of p within b.
func (c *cutter) cut(p *piece, b box) {
	if !p.bounds.overlaps(b) {
		return
	}
	c.tensor, c.dst, c.buf, c.within = p.tensor, p.dst, p.buf, b
	c.dims = append(c.dims[:0], p.dims...)
	c.at = append(c.at[:0], p.at...)
	c.axis(0)
}

// axis narrows the dims of axis x and of those that follow. Two dims of one
// axis, as in "(n h)", can reach into a box in steps: then the wider one is
// taken position by position where it straddles a border.
func (c *cutter) axis(x int) {
	for ; x < len(c.at); x++ {
		pos, extent, widest := c.at[x], 0, -1
		for k := range c.dims {
			if d := &c.dims[k]; d.axis == x && d.size > 1 {
				extent += d.step * (d.size - 1)
				if widest < 0 || d.step > c.dims[widest].step {
					widest = k
				}
			}
		}
		lo, hi := c.within.lo[x], c.within.hi[x]
		if pos >= lo && pos+extent < hi {
			continue
		}
		if pos+extent < lo || pos >= hi || widest < 0 {
			return
		}
		c.narrow(x, widest, extent)
		return
	}
	c.emit(&c.piece)
}

func (c *cutter) narrow(x, k, extent int) {
	d := c.dims[k]
	lo, hi := c.within.lo[x]-c.at[x], c.within.hi[x]-c.at[x]
	rest := extent - d.step*(d.size-1)
	// Positions from first up to last lie wholly inside; from begin up to end
	// at least in part.
	begin, end := clamp(ceilDiv(lo-rest, d.step), d.size), clamp(ceilDiv(hi, d.step), d.size)
	first, last := clamp(ceilDiv(lo, d.step), d.size), clamp(ceilDiv(hi-rest, d.step), d.size)
	if first >= last {
		first, last = end, end
	}
	for i := begin; i < end; i++ {
		n := 1
		if i == first {
			n = last - first
		}
		c.dims[k].size = n
		c.at[x] += i * d.step
		c.dst += i * d.dst
		c.buf += i * d.buf
		if i == first {
			c.axis(x + 1)
		} else {
			c.axis(x)
		}
		c.at[x] -= i * d.step
		c.dst -= i * d.dst
		c.buf -= i * d.buf
		if i == first {
			i = last - 1
		}
	}
	c.dims[k].size = d.size
}

// ceilDiv rounds up, for a of either sign and b > 0.
func ceilDiv(a, b int) int {
	if a <= 0 {
		return -(-a / b)
	}
	return (a + b - 1) / b
}

func clamp(i, n int) int { return max(0, min(i, n)) }
