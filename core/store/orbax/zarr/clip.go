package zarr

import (
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/tensor"
)

// padding judges what a leaf holds beyond its array.
type padding struct {
	fill []byte // one element as it is stored; nil if the fill value is not known
	mask byte   // the bits of an element's byte that count
	at   int    // bytes of an element that were judged before
}

func (a *Array) padding() *padding {
	p := &padding{mask: 0xff}
	switch a.DType {
	case tensor.Int2:
		p.mask = 3
	case tensor.Int4, tensor.Float4E2M1FN:
		p.mask = 15
	}
	if a.fillFault == nil {
		p.fill = slices.Clone(a.fill)
		for part := range slices.Chunk(p.fill, component(a.DType)) {
			if a.big {
				slices.Reverse(part)
			}
		}
	}
	return p
}

// check judges the next bytes, which need not end with an element.
func (p *padding) check(b []byte) error {
	if p.fill == nil {
		return nil
	}
	bad := byte(0)
	for _, v := range b {
		bad |= (v ^ p.fill[p.at]) & p.mask
		if p.at++; p.at == len(p.fill) {
			p.at = 0
		}
	}
	if bad != 0 {
		return errPadding
	}
	return nil
}

// clip drops what a box of shape full has beyond the box of shape part in its
// corner. Both lie in C order.
type clip struct {
	src   io.Reader
	run   int64 // bytes that lie together in the part
	left  int64 // of the current run
	part  []int // runs along each axis that is not within a run
	gap   []int64
	at    []int
	done  bool
	waste []byte
	pad   *padding
}

// newClip works out the runs. Axis k is the last that part cuts short; a run
// is the part's extent along k times everything below it:
//
//	full  [4, 5, 6]  part [3, 2, 6]   k = 1, run = 2*6, gaps of 3*6, then
//	                                  a tail of 3*6 + 1*5*6
func newClip(src io.Reader, full, part tensor.Shape, size int, pad *padding) *clip {
	c := &clip{src: src, waste: make([]byte, 16<<10), pad: pad}
	k := len(full) - 1
	for k > 0 && full[k] == part[k] {
		k--
	}
	stride := int64(size) // bytes of one step along the axis
	for i := len(full) - 1; i > k; i-- {
		stride *= int64(full[i])
	}
	c.run = stride * int64(part[k])
	c.left = c.run
	for i := k; i >= 0; i-- {
		// After the last element of axis i that is wanted, this much is left of
		// the axis.
		c.gap = append(c.gap, stride*int64(full[i]-part[i]))
		stride *= int64(full[i])
	}
	slices.Reverse(c.gap) // gap[i] belongs to axis i
	c.part = part[:k]
	c.at = make([]int, k)
	return c
}

func (c *clip) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, c.drain()
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next skips to the next run: the gap of the run's own axis, and of every
// axis that comes to its end.
func (c *clip) next() error {
	skip := c.gap[len(c.gap)-1]
	i := len(c.at) - 1
	for ; i >= 0; i-- {
		if c.at[i]++; c.at[i] < c.part[i] {
			break
		}
		c.at[i] = 0
		skip += c.gap[i]
	}
	if c.done = i < 0; c.done {
		return nil // what is left is the tail, which drain reads
	}
	c.left = c.run
	return c.skip(skip)
}

func (c *clip) skip(n int64) error {
	for n > 0 {
		got, err := c.src.Read(c.waste[:min(n, int64(len(c.waste)))])
		n -= int64(got)
		if bad := c.pad.check(c.waste[:got]); bad != nil {
			return bad
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drain reads what is left of src and returns how that ends.
func (c *clip) drain() error {
	for {
		n, err := c.src.Read(c.waste)
		if bad := c.pad.check(c.waste[:n]); bad != nil {
			return bad
		}
		if err != nil {
			return err
		}
	}
}
