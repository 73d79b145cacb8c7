package zarr

import (
	"fmt"
	"io"

	"github.com/loraconv/loraconv/core/tensor"
)

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
