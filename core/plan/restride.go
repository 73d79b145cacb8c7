package plan

import "sort"

// atom is one factor of a flat index space, outermost first: a coordinate of
// the given size whose stride is to be changed to the value of to.
type atom struct {
	size, to int
	from     int // filled in by restride
}

// restride moves pieces from one flat index space into another. The atoms
// factorise the space that Dst counts in; afterwards Dst counts in the space
// where each atom has its new stride. A piece that crosses an atom's border is
// cut there.
func restride(ps []Piece, atoms []atom, b *budget) ([]Piece, error) {
	as := make([]atom, 0, len(atoms))
	n := 1
	for i := len(atoms) - 1; i >= 0; i-- {
		a := atoms[i]
		if a.size == 0 {
			return nil, nil // no elements at all
		}
		if a.size > 1 {
			a.from = n
			as = append(as, a) // innermost first
		}
		n *= a.size
	}
	var out []Piece
	for _, p := range ps {
		if err := restrideOne(p, as, &out, b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func restrideOne(p Piece, as []atom, out *[]Piece, b *budget) error {
	if len(*out) >= maxPieces {
		return errTooFine
	}
	if err := spend(&b.work, 1); err != nil {
		return err
	}
	dims, owner := splitDims(p, as)
	for ai, a := range as {
		c := p.Dst / a.from % a.size
		top, widest := c, -1
		for k, d := range dims {
			if owner[k] != ai {
				continue
			}
			if d.Dst%a.from != 0 { // steps across the atom's grid
				return cut(p, dims, k, d.Size, as, out, b)
			}
			top += d.Dst / a.from * (d.Size - 1)
			if widest < 0 || d.Dst > dims[widest].Dst {
				widest = k
			}
		}
		if top >= a.size {
			return cutAtBorder(p, dims, widest, a, as, out, b)
		}
	}
	q := p
	q.Dims, q.Dst = make([]Dim, len(dims)), 0
	for _, a := range as {
		q.Dst += p.Dst / a.from % a.size * a.to
	}
	for k, d := range dims {
		a := as[owner[k]]
		q.Dims[k] = Dim{Size: d.Size, Src: d.Src, Dst: d.Dst / a.from * a.to}
	}
	*out = append(*out, q)
	return nil
}

// splitDims breaks dims that run over several whole atoms, and says which atom
// each belongs to. Dims of size 1 are left out.
func splitDims(p Piece, as []atom) (dims []Dim, owner []int) {
	for _, d := range p.Dims {
		for d.Size > 1 {
			ai := sort.Search(len(as), func(i int) bool { return d.Dst < as[i].from*as[i].size })
			if ai == len(as) {
				ai--
			}
			a := as[ai]
			room := a.from * a.size
			inner := d.Size
			if d.Dst*d.Size > room && room%d.Dst == 0 && d.Size%(room/d.Dst) == 0 && p.Dst/a.from%a.size == 0 {
				inner = room / d.Dst
			}
			dims, owner = append(dims, Dim{inner, d.Src, d.Dst}), append(owner, ai)
			d = Dim{d.Size / inner, d.Src * inner, d.Dst * inner}
		}
	}
	return dims, owner
}

// cut fixes dims[k] at each of its first n positions, one piece for each.
func cut(p Piece, dims []Dim, k, n int, as []atom, out *[]Piece, b *budget) error {
	for i := range n {
		if err := restrideOne(part(p, dims, k, i, 1), as, out, b); err != nil {
			return err
		}
	}
	return nil
}

// cutAtBorder cuts dims[k], the widest in atom a, where the piece leaves a:
// the part that stays inside, the positions that straddle, and the rest.
func cutAtBorder(p Piece, dims []Dim, k int, a atom, as []atom, out *[]Piece, b *budget) error {
	d := dims[k]
	step := d.Dst / a.from
	c := p.Dst / a.from % a.size
	extent := 0
	for j, e := range dims {
		if j != k && e.Dst >= a.from && e.Dst < a.from*a.size {
			extent += e.Dst / a.from * (e.Size - 1)
		}
	}
	inside := 0
	if room := a.size - 1 - c - extent; room >= 0 {
		inside = min(d.Size, room/step+1)
	}
	begins := min(d.Size, max(inside, (a.size-1-c)/step+1))
	if inside == 0 && begins == d.Size && d.Size == 1 {
		return errTooFine
	}
	if inside > 0 {
		if err := restrideOne(part(p, dims, k, 0, inside), as, out, b); err != nil {
			return err
		}
	}
	for i := inside; i < begins; i++ {
		if err := restrideOne(part(p, dims, k, i, 1), as, out, b); err != nil {
			return err
		}
	}
	if begins < d.Size {
		return restrideOne(part(p, dims, k, begins, d.Size-begins), as, out, b)
	}
	return nil
}

// part is p with dims, of which dims[k] is narrowed to n positions from i.
func part(p Piece, dims []Dim, k, i, n int) Piece {
	q := p
	q.Dims = append([]Dim{}, dims...)
	q.Src += i * dims[k].Src
	q.Dst += i * dims[k].Dst
	q.Dims[k].Size = n
	return q
}

// clipper keeps the part of pieces whose coordinate along one axis lies in
// [lo, hi). Every dim of a piece must lie within one axis.
type clipper struct {
	stride, size, lo, hi int
	out                  *[]Piece
	b                    *budget
}

func (c *clipper) clip(p Piece) error {
	if len(*c.out) >= maxPieces {
		return errTooFine
	}
	if err := spend(&c.b.work, 1); err != nil {
		return err
	}
	pos := p.Dst / c.stride % c.size
	widest, extent := -1, 0
	for k, d := range p.Dims {
		if d.Size == 1 || d.Dst < c.stride || d.Dst >= c.stride*c.size {
			continue
		}
		extent += d.Dst / c.stride * (d.Size - 1)
		if widest < 0 || d.Dst > p.Dims[widest].Dst {
			widest = k
		}
	}
	if pos >= c.lo && pos+extent < c.hi {
		*c.out = append(*c.out, p)
		return nil
	}
	if pos+extent < c.lo || pos >= c.hi || widest < 0 {
		return nil
	}
	d := p.Dims[widest]
	step := d.Dst / c.stride
	rest := extent - step*(d.Size-1)
	// Positions from first to last-1 lie wholly inside; neighbours may in part.
	first := min(d.Size, max(0, ceilDiv(c.lo-pos, step)))
	last := first
	if room := c.hi - 1 - rest - pos; room >= 0 {
		last = max(first, min(d.Size, room/step+1))
	}
	// Only what touches [lo, hi) is looked at: an axis may be long.
	begin := min(first, ceilDiv(c.lo-rest-pos, step))
	end := max(last, min(d.Size, (c.hi-1-pos)/step+1))
	for i := begin; i < first; i++ {
		if err := c.clip(part(p, p.Dims, widest, i, 1)); err != nil {
			return err
		}
	}
	if last > first {
		*c.out = append(*c.out, part(p, p.Dims, widest, first, last-first))
	}
	for i := last; i < end; i++ {
		if err := c.clip(part(p, p.Dims, widest, i, 1)); err != nil {
			return err
		}
	}
	return nil
}

func ceilDiv(a, b int) int {
	if a <= 0 {
		return 0
	}
	return (a + b - 1) / b
}
