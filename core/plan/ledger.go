package plan

import (
	"fmt"
	"sort"

	"github.com/loraconv/loraconv/core/tensor"
)

// ledger accounts for every element of every source: each must be read by an
// output or dropped for a stated reason, and not both.
type ledger struct {
	m      Manifests
	budget *budget
	pages  map[page]*entry
}

type page struct{ from, name string }

// entry collects what happens to one source tensor: pieces whose Src side
// counts in it.
type entry struct {
	used, dropped []Piece
}

func newLedger(m Manifests) *ledger {
	return &ledger{m: m, budget: newBudget(), pages: map[page]*entry{}}
}

func (l *ledger) page(from, name string) *entry {
	k := page{from, name}
	e := l.pages[k]
	if e == nil {
		e = &entry{}
		l.pages[k] = e
	}
	return e
}

// read records what the pieces of one output tensor read, their merge terms
// included.
func (l *ledger) read(ps []Piece) error {
	for _, p := range ps {
		if p.Leaf == nil {
			continue
		}
		if err := spend(&l.budget.kept, 1+2*len(p.Leaf.Terms)); err != nil {
			return err
		}
		e := l.page(p.Leaf.Source.From, p.Leaf.Source.Name)
		e.used = append(e.used, Piece{Dims: p.Dims, Src: p.Src})
		for _, t := range p.Leaf.Terms {
			for _, s := range []*Source{t.A, t.B} {
				if err := l.record(s, func(e *entry, q Piece) { e.used = append(e.used, q) }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *ledger) drop(d *Drop) error {
	p, err := d.piece(l.m)
	if err != nil {
		return err
	}
	if err := spend(&l.budget.kept, 1); err != nil {
		return err
	}
	e := l.page(d.From, d.Name)
	e.dropped = append(e.dropped, p)
	return nil
}

func (l *ledger) record(s *Source, add func(*entry, Piece)) error {
	_, ps, err := lowerSource(s, nil, l.m)
	if err != nil {
		return err
	}
	add(l.page(s.From, s.Name), Piece{Dims: ps[0].Dims, Src: ps[0].Src})
	return nil
}

// balance is the verdict on one source tensor. Counts are elements.
type balance struct {
	total, unused, both int
	where               string // an example of what is unused, for people
}

// balance counts the elements of a tensor of shape s that nothing uses, and
// those that are both used and dropped.
func (e *entry) balance(s tensor.Shape, left *budget) (balance, error) {
	b := balance{total: s.Elements()}
	if b.total == 0 {
		return b, nil
	}
	atoms := e.atoms(s)
	boxes := make([][]box, 2)
	for i, ps := range [][]Piece{e.used, e.dropped} {
		for _, p := range ps {
			bs, err := boxesOf(p, atoms, left)
			if err != nil {
				return b, err
			}
			boxes[i] = append(boxes[i], bs...)
		}
	}
	return b, b.count(atoms, boxes, left)
}

// atoms factorises each axis of s so finely that every piece is a union of
// boxes: at every stride that a piece steps by.
func (e *entry) atoms(s tensor.Shape) []atom {
	strides := s.Strides()
	var atoms []atom
	for axis, n := range s {
		at := strides[axis]
		marks := map[int]bool{1: true, n: true}
		for _, ps := range [][]Piece{e.used, e.dropped} {
			for _, p := range ps {
				for _, d := range p.Dims {
					if d.Src >= at && d.Src < at*n && d.Src%at == 0 {
						marks[d.Src/at] = true
						if end := d.Src / at * d.Size; end < n {
							marks[end] = true
						}
					}
				}
			}
		}
		chain := make([]int, 0, len(marks))
		for k := range marks {
			chain = append(chain, k)
		}
		sort.Ints(chain)
		// Keep the strides that divide one another; pieces that step across the
		// coarser grid are cut by restride.
		kept := chain[:1]
		for _, k := range chain[1:] {
			if k%kept[len(kept)-1] == 0 && n%k == 0 {
				kept = append(kept, k)
			}
		}
		for i := len(kept) - 1; i > 0; i-- {
			atoms = append(atoms, atom{size: kept[i] / kept[i-1], to: kept[i-1] * at})
		}
	}
	return atoms
}

// box is a range of each atom's coordinate.
type box []span
type span struct{ lo, hi int }

func boxesOf(p Piece, atoms []atom, left *budget) ([]box, error) {
	// Swap the sides: restride works on Dst.
	q := Piece{Dst: p.Src}
	for _, d := range p.Dims {
		q.Dims = append(q.Dims, Dim{Size: d.Size, Dst: d.Src})
	}
	rs, err := restride([]Piece{q}, atoms, left)
	if err != nil {
		return nil, err
	}
	out := make([]box, 0, len(rs))
	for _, r := range rs {
		b := make(box, len(atoms))
		for i, a := range atoms {
			c := 0
			if a.size > 1 {
				c = r.Dst / a.to % a.size
			}
			b[i] = span{c, c + 1}
		}
		dims := append([]Dim{}, r.Dims...)
		sort.Slice(dims, func(i, j int) bool { return dims[i].Dst < dims[j].Dst })
		for _, d := range dims {
			i := sort.Search(len(atoms), func(i int) bool { return atoms[i].to <= d.Dst })
			for i < len(atoms) && atoms[i].size == 1 {
				i++
			}
			if i == len(atoms) {
				return nil, fmt.Errorf("a step of %d elements fits no axis", d.Dst)
			}
			step, width := d.Dst/atoms[i].to, b[i].hi-b[i].lo
			if step != width { // would leave holes
				return nil, errTooFine
			}
			b[i].hi = b[i].lo + width*d.Size
		}
		out = append(out, b)
	}
	return out, nil
}

// count marks the cells of the grid that the boxes' borders make.
func (b *balance) count(atoms []atom, boxes [][]box, left *budget) error {
	cuts := make([][]int, len(atoms))
	cells := 1
	for i, a := range atoms {
		marks := map[int]bool{0: true, a.size: true}
		for _, bs := range boxes {
			for _, x := range bs {
				marks[x[i].lo], marks[x[i].hi] = true, true
			}
		}
		for k := range marks {
			cuts[i] = append(cuts[i], k)
		}
		sort.Ints(cuts[i])
		cells *= len(cuts[i]) - 1
		if cells > maxCells {
			return errTooFine
		}
	}
	if err := spend(&left.marks, cells); err != nil {
		return err
	}
	state := make([]uint8, cells)
	for bit, bs := range boxes {
		for _, x := range bs {
			if err := mark(state, cuts, x, uint8(1)<<bit, left); err != nil {
				return err
			}
		}
	}
	pos := make([]int, len(atoms))
	for _, st := range state {
		n := 1
		for i := range atoms {
			n *= cuts[i][pos[i]+1] - cuts[i][pos[i]]
		}
		switch st {
		case 0:
			if b.unused == 0 {
				b.where = describe(atoms, cuts, pos)
			}
			b.unused += n
		case 3:
			b.both += n
		}
		for i := len(pos) - 1; i >= 0; i-- {
			if pos[i]++; pos[i] < len(cuts[i])-1 {
				break
			}
			pos[i] = 0
		}
	}
	return nil
}

// mark sets a bit in every cell of a box.
func mark(state []uint8, cuts [][]int, x box, bit uint8, left *budget) error {
	n := 1
	spans := make(box, len(cuts))
	for i, c := range cuts {
		spans[i] = span{sort.SearchInts(c, x[i].lo), sort.SearchInts(c, x[i].hi)}
		n *= spans[i].hi - spans[i].lo
	}
	if err := spend(&left.marks, n); err != nil || n == 0 {
		return err
	}
	markFrom(state, cuts, spans, 0, 0, bit)
	return nil
}

func markFrom(state []uint8, cuts [][]int, spans box, axis, cell int, bit uint8) {
	if axis == len(cuts) {
		state[cell] |= bit
		return
	}
	for k := spans[axis].lo; k < spans[axis].hi; k++ {
		markFrom(state, cuts, spans, axis+1, cell*(len(cuts[axis])-1)+k, bit)
	}
}

// describe names the first cell that is unused by its first flat element.
func describe(atoms []atom, cuts [][]int, pos []int) string {
	flat := 0
	for i, a := range atoms {
		flat += cuts[i][pos[i]] * a.to
	}
	return fmt.Sprintf("element %d in C order", flat)
}
