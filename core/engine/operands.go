package engine

import (
	"fmt"
	"sync/atomic"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// operand is one side of a term, laid out for the kernel.
type operand struct {
	source *plan.Source
	shape  tensor.Shape // as stored, after indexing, before sums
	layout operandLayout
	users  map[int]bool // targets
	off    int64        // bytes, in memory or in the scratch file
	live   atomic.Bool  // some value of it is not zero
}

func (o *operand) bytes() int64 { return 4 * int64(o.shape.Elements()) }

// operands holds the operands of all terms: in memory, or in a scratch file
// behind a cache.
type operands struct {
	list  []*operand
	byKey map[string]int
	total int64

	memory  []byte
	scratch Scratch
	cache   cache
}

func newOperands() *operands { return &operands{byKey: map[string]int{}} }

// contract works a term out and takes its operands in.
func (o *operands) contract(t *plan.Term, leaf tensor.Shape, m plan.Manifests) (*term, error) {
	shapes := [2]tensor.Shape{}
	for i, s := range []*plan.Source{t.A, t.B} {
		stored, err := m.Lookup(s)
		if err != nil {
			return nil, err
		}
		if err := convertible(tensor.Float32, stored.DType, true); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		shapes[i] = leafShape(stored.Shape, s)
	}
	c, err := planTerm(t, shapes[0], shapes[1], leaf)
	if err != nil {
		return nil, err
	}
	a, b := o.intern(t.A, shapes[0], c.a), o.intern(t.B, shapes[1], c.b)
	c.term.rows, c.term.cols = a, b
	if c.swapped {
		c.term.rows, c.term.cols = b, a
	}
	return &c.term, nil
}

func (o *operands) intern(s *plan.Source, shape tensor.Shape, l operandLayout) int {
	key := sourceKey(s) + fmt.Sprint(l)
	if i, ok := o.byKey[key]; ok {
		return i
	}
	p := &operand{source: s, shape: shape, layout: l, users: map[int]bool{}, off: o.total}
	o.total += (p.bytes() + 63) &^ 63
	o.byKey[key] = len(o.list)
	o.list = append(o.list, p)
	return len(o.list) - 1
}

func (o *operands) uses(t *term, target int) {
	o.list[t.rows].users[target] = true
	o.list[t.cols].users[target] = true
}

// program makes the operands, in float32, as if they were outputs: as the
// kernel reads them, but for the sums of those that have some.
func (o *operands) program(sources map[string]store.Reader) (*program, error) {
	c := newCompiler(sources)
	for _, p := range o.list {
		pieces, err := plan.Lower(p.expr(), c.manifests)
		if err != nil {
			return nil, invalid(p.source.Name, err)
		}
		t := target{name: p.source.Name, dtype: tensor.Float32, elements: p.shape.Elements()}
		if err := c.add(t, pieces); err != nil {
			return nil, err
		}
	}
	return c.finish(), nil
}

// expr is the operand in its layout, before sums.
func (p *operand) expr() plan.Expr {
	if p.shape.Elements() == 0 {
		return p.source
	}
	pattern, sizes := p.layout.pattern()
	return &plan.Rearrange{X: p.source, Pattern: pattern.String(), Sizes: sizes}
}

// write is the sink of that program.
func (o *operands) write(i int, off int64, p []byte) error {
	if x := o.list[i]; !x.live.Load() && !zeros(p) {
		x.live.Store(true)
	}
	if o.scratch == nil {
		copy(o.memory[o.list[i].off+off:], p)
		return nil
	}
	_, err := o.scratch.WriteAt(p, o.list[i].off+off)
	return err
}

func (o *operands) inMemory(i, elements int) []float32 {
	return floatsOf(o.memory[o.list[i].off:][:4*elements])
}

// span is a part of an operand that lies as a matrix of so wide rows: some rows
// of it, and of each some columns.
type span struct{ operand, width, row, rows, col, cols int }

// held is what a worker has of a term's operands. It begins at row0 of the rows
// operand and at col0 of the cols operand, of which a row has ldc elements.
type held struct {
	rows, cols []float32
	row0, col0 int
	ldc        int
	spans      [2]span // in the cache, if there is a scratch file
}

// hold makes the operands of t ready for a region of the base; let must follow.
// Where they are in a scratch file, only what the region needs is read: a chunk
// that holds a few columns of every layer would else read all of B for each of
// its slabs.
func (o *operands) hold(t *term, region box, leaf []int) (held, error) {
	if o.scratch == nil {
		return held{
			rows: o.inMemory(t.rows, o.list[t.rows].layout.elements()),
			cols: o.inMemory(t.cols, o.list[t.cols].layout.elements()), ldc: t.c,
		}, nil
	}
	h := held{ldc: t.c}
	rows, cols := t.need(region, leaf)
	rows.operand, cols.operand = t.rows, t.cols
	if len(t.outer) > 0 { // a stack of matrices: all of it
		rows = span{operand: t.rows, rows: 1, cols: o.list[t.rows].layout.elements()}
		cols = span{operand: t.cols, rows: 1, cols: o.list[t.cols].layout.elements()}
	} else {
		h.row0, h.col0, h.ldc = rows.row, cols.col, cols.cols
	}
	h.spans = [2]span{rows, cols}
	var err error
	if h.rows, err = o.cache.get(rows, o.read); err != nil {
		return h, err
	}
	if h.cols, err = o.cache.get(cols, o.read); err != nil {
		o.cache.put(rows)
	}
	return h, err
}

func (o *operands) let(h *held) {
	if o.scratch != nil {
		o.cache.put(h.spans[0])
		o.cache.put(h.spans[1])
	}
}

// read reads s from the scratch file: in one go, or row by row.
func (o *operands) read(s span, dst []float32) error {
	p := o.list[s.operand]
	width := s.width
	if s.rows == 1 || s.cols == width {
		_, err := o.scratch.ReadAt(tensor.Float32Bytes(dst), p.off+4*int64(s.row*width+s.col))
		return err
	}
	for i := range s.rows {
		row := dst[i*s.cols:][:s.cols]
		if _, err := o.scratch.ReadAt(tensor.Float32Bytes(row), p.off+4*int64((s.row+i)*width+s.col)); err != nil {
			return err
		}
	}
	return nil
}

// acquire makes the operands of u ready, in k, for a region of its base.
func (e *executor) acquire(k *worker, u *unit, region box) error {
	k.operands = k.operands[:0]
	for _, t := range u.terms {
		h, err := e.ops.hold(t, region, u.strides)
		if err != nil {
			e.release(k)
			return scratchFault(err)
		}
		k.operands = append(k.operands, h)
	}
	return nil
}

func (e *executor) release(k *worker) {
	for i := range k.operands {
		e.ops.let(&k.operands[i])
	}
	k.operands = k.operands[:0]
}
