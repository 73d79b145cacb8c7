package plan

import (
	"fmt"

	"github.com/loraconv/loraconv/core/tensor"
)

// Drop names source elements that are left out on purpose: a tensor, or what
// is left of it after Index and Part.
type Drop struct {
	From   string `json:"from"`
	Name   string `json:"name"`
	Index  []At   `json:"-"` // sorted by axis; empty: nothing is fixed
	Part   *Part  `json:"-"` // nil: the whole of every axis that Index leaves
	Reason string `json:"reason"`
	Rule   string `json:"rule,omitempty"`
}

// Part is a range along one axis, counted in the stored shape: the positions
// from Start up to but not including Start + Size.
type Part struct{ Axis, Start, Size int }

// String prints the elements as String(Source) does, a part as first:end:
// "…/embedding"[256000:256128].
func (d *Drop) String() string {
	return indexed(d.Name, d.Index, d.Part)
}

// check reports a part that is empty or lies outside the shape s.
func (p *Part) check(name string, s tensor.Shape, index []At) error {
	if p.Axis < 0 || p.Axis >= len(s) || p.Size < 1 || p.Start < 0 || p.Size > s[p.Axis] || p.Start > s[p.Axis]-p.Size {
		return fmt.Errorf("%s: part of %d from %d on axis %d is empty or outside the shape %v", name, p.Size, p.Start, p.Axis, s)
	}
	if p.Size == s[p.Axis] {
		return fmt.Errorf("%s: part of axis %d is all of it", name, p.Axis)
	}
	for _, at := range index {
		if at.Axis == p.Axis {
			return fmt.Errorf("%s: axis %d is both indexed and cut", name, p.Axis)
		}
	}
	return nil
}

// piece returns the dropped elements; only the Src side counts.
func (d *Drop) piece(m Manifests) (Piece, error) {
	s := &Source{From: d.From, Name: d.Name, Index: d.Index}
	_, ps, err := lowerSource(s, nil, m)
	if err != nil {
		return Piece{}, err
	}
	p := Piece{Dims: ps[0].Dims, Src: ps[0].Src}
	if d.Part == nil {
		return p, nil
	}
	t, err := m.Lookup(s)
	if err != nil {
		return Piece{}, err
	}
	if err := d.Part.check(d.Name, t.Shape, d.Index); err != nil {
		return Piece{}, err
	}
	stride := t.Shape.Strides()[d.Part.Axis]
	p.Src += d.Part.Start * stride
	k := d.Part.Axis // its place among the axes that Index leaves
	for _, at := range d.Index {
		if at.Axis < d.Part.Axis {
			k--
		}
	}
	p.Dims[k].Size = d.Part.Size
	return p, nil
}

func lessPart(a, b *Part) bool {
	switch {
	case a == nil || b == nil:
		return a == nil && b != nil
	case a.Axis != b.Axis:
		return a.Axis < b.Axis
	case a.Start != b.Start:
		return a.Start < b.Start
	}
	return a.Size < b.Size
}
