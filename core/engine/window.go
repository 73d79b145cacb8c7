package engine

import (
	"cmp"
	"slices"
)

// window is a stretch of the streams of a group's members, and the image of
// that stretch in the outputs.
type window struct {
	boxes []box     // what is computed of each member
	insts [][]inst  // by member
	segs  []segment // what is written when all is there
	size  int       // bytes of the buffer
	run   int       // bytes of the shortest run
}

// inst is the part of a unit that lies in a window.
type inst struct {
	unit     *unit
	variants []instVariant
}

type instVariant struct {
	*variant
	subs []piece // buf counts elements from the window's buffer, in bytes at
}

// segment is a part of the buffer and where it belongs. Of a strided one, run
// bytes at a time are written.
type segment struct {
	target   int
	at, size int   // in the buffer, bytes
	off      int64 // in the target, bytes
	dims     []segDim
	run      int
}

// segDim loops over runs: strides in bytes.
type segDim struct {
	size int
	off  int64
	at   int
}

// layouter lays windows out. It owns the room that this takes.
type layouter struct {
	p   *program
	cut cutter
	out []subRef
}

// subRef is a piece in a window, while the window is laid out.
type subRef struct {
	piece
	member, inst, variant int
	elements, max         int
}

// layout finds what the outputs have of boxes, one box for each member, and
// gives every piece of it a place in a buffer.
//
// If the pieces of a target fill one interval without a gap, that interval is a
// segment of the buffer: one run, whatever order its elements come in. Else
// each piece has a segment of its own, in output order, and its runs are as
// long as the piece makes them.
func (l *layouter) layout(members []*member, boxes []box) *window {
	w := &window{boxes: boxes, insts: make([][]inst, len(members)), run: maxRun}
	l.out = l.out[:0]
	for m, mem := range members {
		for _, u := range mem.base.near(boxes[m]) {
			if !u.box.overlaps(boxes[m]) {
				continue
			}
			in := inst{unit: u}
			found := false
			for vi, v := range u.variants {
				in.variants = append(in.variants, instVariant{variant: v})
				l.cut.emit = func(p *piece) {
					l.out = append(l.out, newSubRef(p, m, len(w.insts[m]), vi))
					found = true
				}
				for _, p := range v.pieces {
					l.cut.cut(p, boxes[m])
				}
			}
			if found {
				w.insts[m] = append(w.insts[m], in)
			}
		}
	}
	slices.SortStableFunc(l.out, func(a, b subRef) int {
		return cmp.Or(cmp.Compare(a.tensor, b.tensor), cmp.Compare(a.dst, b.dst))
	})
	for i := 0; i < len(l.out); {
		j := i + 1
		for j < len(l.out) && l.out[j].tensor == l.out[i].tensor {
			j++
		}
		l.place(w, l.out[i:j])
		i = j
	}
	for i := range l.out {
		s := &l.out[i]
		v := &w.insts[s.member][s.inst].variants[s.variant]
		v.subs = append(v.subs, s.piece)
	}
	return w
}

// maxRun stands for a run that could not be longer.
const maxRun = 1 << 62

func newSubRef(p *piece, m, i, v int) subRef {
	s := subRef{piece: *p, member: m, inst: i, variant: v, elements: p.elements(), max: p.dst}
	s.dims = slices.Clone(p.dims)
	s.at = slices.Clone(p.at)
	s.bounds = newBox(len(p.at))
	copy(s.bounds.lo, s.at)
	for x, at := range s.at {
		s.bounds.hi[x] = at + 1
	}
	for _, d := range s.dims {
		s.bounds.hi[d.axis] += d.step * (d.size - 1)
		s.max += d.dst * (d.size - 1)
	}
	return s
}

// place gives the subs of one target their segments.
func (l *layouter) place(w *window, subs []subRef) {
	t := &l.p.targets[subs[0].tensor]
	size := t.dtype.Size()
	lo, hi, n := subs[0].dst, 0, 0
	for i := range subs {
		hi = max(hi, subs[i].max+1)
		n += subs[i].elements
	}
	if n == hi-lo {
		at := w.reservePlaced(n*size, t.phase+lo*size, size)
		for i := range subs {
			s := &subs[i]
			s.buf = at/size + s.dst - lo
			for k := range s.dims {
				s.dims[k].buf = s.dims[k].dst
			}
		}
		w.segs = append(w.segs, segment{target: subs[0].tensor, at: at, size: n * size, off: int64(lo) * int64(size), run: n * size})
		if n < t.elements {
			w.run = min(w.run, n*size)
		}
		return
	}
	for i := range subs {
		l.placeAlone(w, &subs[i], size)
	}
}

// placeAlone packs one sub in the order of the output.
func (l *layouter) placeAlone(w *window, s *subRef, size int) {
	at := w.reserve(s.elements * size)
	s.buf = at / size
	byDst := make([]*dim, len(s.dims))
	for k := range s.dims {
		byDst[k] = &s.dims[k]
	}
	slices.SortFunc(byDst, func(a, b *dim) int { return cmp.Compare(a.dst, b.dst) })
	g := segment{target: s.tensor, at: at, size: s.elements * size, off: int64(s.dst) * int64(size), run: size}
	n := 1
	for _, d := range byDst {
		d.buf = n
		n *= d.size
		if len(g.dims) == 0 && d.dst*size == g.run {
			g.run *= d.size
			continue
		}
		g.dims = append(g.dims, segDim{d.size, int64(d.dst) * int64(size), d.buf * size})
	}
	w.segs = append(w.segs, g)
	w.run = min(w.run, g.run)
}

// reserve takes n bytes of the buffer, at a multiple of every element's size.
func (w *window) reserve(n int) int {
	at := w.size
	w.size += (n + 15) &^ 15
	return at
}

// reservePlaced takes n bytes of the buffer for elements of so many bytes. If it
// is a long run, it begins where place does, modulo Page; what that takes does
// not depend on place.
func (w *window) reservePlaced(n, place, size int) int {
	if n < longRun || place%size != 0 {
		return w.reserve(n)
	}
	at := (w.size+Page-1)&^(Page-1) + place&(Page-1)
	w.size = (w.size+Page-1)&^(Page-1) + Page + (n+15)&^15
	return at
}

// write hands all segments of buf to the sink.
func (w *window) write(buf []byte, to func(target int, off int64, p []byte) error) error {
	for i := range w.segs {
		g := &w.segs[i]
		if err := g.write(buf, g.dims, g.at, g.off, to); err != nil {
			return err
		}
	}
	return nil
}

func (g *segment) write(buf []byte, dims []segDim, at int, off int64, to func(int, int64, []byte) error) error {
	if len(dims) == 0 {
		return to(g.target, off, buf[at:at+g.run])
	}
	d := dims[len(dims)-1]
	for i := range d.size {
		if err := g.write(buf, dims[:len(dims)-1], at+i*d.at, off+int64(i)*d.off, to); err != nil {
			return err
		}
	}
	return nil
}
