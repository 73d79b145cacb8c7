package zarr

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/tensor"
)

// Open streams the elements of region, a leaf's, from the leaf's stored bytes:
// C order, little-endian. maxWindow bounds the window of zstd frames. What the
// leaf holds beyond the region is decoded, so that its length is always
// checked, and must be the fill value: writers pad leaves with it, and anything
// else is part of an array that was larger.
func (a *Array) Open(region tensor.Region, b Blob, maxWindow int64) (io.ReadCloser, error) {
	decoded, err := a.decode(b, maxWindow)
	if err != nil {
		return nil, asCorrupt(err)
	}
	whole := &exact{src: decoded, left: a.leafBytes(), want: a.leafBytes()}
	var r io.Reader = whole
	if a.inOrder() {
		if !region.Shape.Equal(a.Leaf) {
			r = newClip(whole, a.Leaf, region.Shape, a.DType.Size(), a.padding())
		}
	} else {
		r = a.newGather(whole, region.Shape)
	}
	return &stream{Reader: a.elements(r), close: decoded.Close}, nil
}

// OpenFill streams the fill value for all elements of region.
func (a *Array) OpenFill(region tensor.Region) io.ReadCloser {
	left := int64(region.Shape.Elements()) * int64(a.DType.Size())
	block := bytes.Repeat(a.fill, max(1, int(min(left, smallBuffer))/len(a.fill)))
	return &stream{Reader: &fillReader{block: block, left: left}, close: func() error { return nil }}
}

// FillNeed is what a stream of OpenFill holds, in bytes.
const FillNeed = smallBuffer

type stream struct {
	io.Reader
	close func() error
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = asCorrupt(err)
	}
	return n, err
}

func (s *stream) Close() error { return s.close() }

type fillReader struct {
	block []byte // whole elements
	at    int
	left  int64
}

func (f *fillReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	total := 0
	for len(p) > 0 && f.left > 0 {
		n := copy(p[:min(int64(len(p)), f.left)], f.block[f.at:])
		f.at = (f.at + n) % len(f.block)
		f.left -= int64(n)
		p = p[n:]
		total += n
	}
	return total, nil
}

// exact passes on left bytes and checks that src ends there.
type exact struct {
	src  io.Reader
	left int64
	want int64
	err  error
}

func (e *exact) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if e.left == 0 {
		e.err = e.end()
		return 0, e.err
	}
	n, err := e.src.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF {
		if err = nil; e.left > 0 {
			err = corrupt("chunk decodes to %d bytes, wanted %d", e.want-e.left, e.want)
		}
	}
	e.err = err
	return n, err
}

// end reads src to its end, which must be here.
func (e *exact) end() error {
	var one [1]byte
	for range 100 {
		n, err := e.src.Read(one[:])
		switch {
		case n > 0:
			return corrupt("chunk decodes to more than %d bytes", e.want)
		case err != nil:
			return err // io.EOF, or what is wrong with the end
		}
	}
	return io.ErrNoProgress
}

var errPadding = corrupt("the chunk holds elements beyond the shape of the array, and not only the fill value: they would be lost (was the shape changed?)")

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

// gather holds a leaf whose stored order is not C order and hands it out
// in that order.
type gather struct {
	src    io.Reader
	size   int64
	data   []byte
	elem   int
	part   []int
	stride []int // bytes of a step along each axis
	at     []int
	left   int
	spare  []byte // of an element that did not fit the last read
	pad    *padding
	others int // elements that are not the fill value and were not handed out yet
}

func (a *Array) newGather(src io.Reader, part tensor.Shape) *gather {
	g := &gather{src: src, size: a.leafBytes(), elem: a.DType.Size(), part: part, left: part.Elements()}
	if !part.Equal(a.Leaf) {
		g.pad = a.padding()
	}
	g.at, g.stride = make([]int, len(part)), make([]int, len(part))
	step := g.elem
	for i := len(a.order) - 1; i >= 0; i-- {
		g.stride[a.order[i]] = step
		step *= a.Leaf[a.order[i]]
	}
	return g
}

func (g *gather) load() error {
	g.data = make([]byte, g.size)
	if _, err := io.ReadFull(g.src, g.data); err != nil {
		return fmt.Errorf("chunk is cut short: %w", err)
	}
	if g.pad != nil {
		for at := 0; at < len(g.data); at += g.elem {
			if g.pad.check(g.data[at:at+g.elem]) != nil {
				g.others++
			}
		}
	}
	if _, err := g.src.Read(make([]byte, 1)); err != io.EOF {
		return err
	}
	return nil
}

func (g *gather) Read(p []byte) (int, error) {
	if g.data == nil {
		if err := g.load(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.spare)
	g.spare = g.spare[n:]
	for ; n < len(p) && g.left > 0; g.left-- {
		at := 0
		for i, k := range g.at {
			at += k * g.stride[i]
		}
		element := g.data[at : at+g.elem]
		if g.others > 0 && g.pad.check(element) != nil {
			g.others--
		}
		m := copy(p[n:], element)
		n += m
		g.spare = element[m:]
		step(g.at, g.part)
	}
	if n == 0 && len(p) > 0 {
		if g.others > 0 {
			return 0, errPadding
		}
		return 0, io.EOF
	}
	return n, nil
}
