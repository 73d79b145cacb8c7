package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

const maxRank = tensor.MaxRank

// program is a set of tensors to compute, turned around: by the sources that
// are to be streamed.
type program struct {
	targets []target
	bases   []*base // in the order of their names
	fills   []fill
}

// target is a tensor to make.
type target struct {
	name     string
	dtype    tensor.DType
	elements int
	phase    int // see Placed
}

func (t *target) bytes() int64 { return int64(t.elements) * int64(t.dtype.Size()) }

// base is a source tensor that is streamed.
type base struct {
	from, name string
	dtype      tensor.DType
	shape      tensor.Shape
	reader     store.Reader
	chunks     []store.Chunk
	units      []*unit // sorted by box.lo
	indexed    bool    // every unit has one position on the first axis
}

// near returns the units that overlap b on the first axis, and perhaps others.
func (b *base) near(x box) []*unit {
	if len(x.lo) == 0 || !b.indexed {
		return b.units
	}
	first := sort.Search(len(b.units), func(i int) bool { return b.units[i].box.lo[0] >= x.lo[0] })
	end := sort.Search(len(b.units), func(i int) bool { return b.units[i].box.lo[0] >= x.hi[0] })
	return b.units[first:max(first, end)]
}

// unit is what is computed alike from one base: the elements of a leaf.
type unit struct {
	box      box   // the whole base, but for indexed axes
	strides  []int // of the leaf, flat in C order, by axis of the base; 0 where it is indexed
	terms    []*term
	variants []*variant
}

// variant is what becomes of a unit's elements: steps, and a type to round to.
type variant struct {
	steps  []plan.Step
	dtype  tensor.DType
	pieces []*piece
	whole  []int        // targets that take all of the unit
	parts  map[int]bool // targets that take a part
}

// fill is a box of constants in a target.
type fill struct {
	target int
	value  float32 // after steps
	dims   []plan.Dim
	dst    int
}

// compiler builds a program.
type compiler struct {
	program
	sources   map[string]store.Reader
	manifests plan.Manifests
	byName    map[[2]string]*base
	units     map[string]*unit
	covered   map[*variant]covered
	contract  func(t *plan.Term, leaf tensor.Shape) (*term, error)
	uses      func(t *term, target int)
}

// covered is how many elements of a unit each target takes.
type covered struct {
	unit *unit
	by   map[int]int
}

func newCompiler(sources map[string]store.Reader) *compiler {
	c := &compiler{sources: sources, manifests: plan.Manifests{}, byName: map[[2]string]*base{}, units: map[string]*unit{}, covered: map[*variant]covered{}}
	for name, r := range sources {
		c.manifests[name] = r.Manifest()
	}
	return c
}

// add adds a target that is computed by pieces.
func (c *compiler) add(t target, pieces []plan.Piece) error {
	index := len(c.targets)
	c.targets = append(c.targets, t)
	for i := range pieces {
		p := &pieces[i]
		if p.Elements() == 0 {
			continue
		}
		if p.Leaf == nil {
			c.fills = append(c.fills, fill{target: index, value: stepped(p.Value, p.Steps), dims: p.Dims, dst: p.Dst})
			continue
		}
		if err := c.leaf(index, p); err != nil {
			return invalid(t.name, err)
		}
	}
	return nil
}

// invalid reports a plan that plan.Check should not have passed.
func invalid(target string, err error) error {
	var known *diag.Diagnostic
	if errors.As(err, &known) {
		return err
	}
	d := diag.New(diag.Plugin, plan.CodePlan, "A plan cannot be run", "%s: %v", target, err)
	d.Tensor = target
	return d
}

func (c *compiler) leaf(index int, p *plan.Piece) error {
	b, err := c.base(p.Leaf.Source)
	if err != nil {
		return err
	}
	u, err := c.unit(b, p.Leaf)
	if err != nil {
		return err
	}
	q, err := newPiece(index, p, b.shape)
	if err != nil {
		return err
	}
	dtype := c.targets[index].dtype
	if err := convertible(dtype, b.dtype, len(u.terms) > 0 || len(p.Steps) > 0); err != nil {
		return err
	}
	for _, t := range u.terms {
		c.uses(t, index)
	}
	v := u.variant(p.Steps, dtype)
	v.pieces = append(v.pieces, q)
	if c.covered[v].by == nil {
		c.covered[v] = covered{u, map[int]int{}}
	}
	c.covered[v].by[index] += q.elements()
	return nil
}

// convertible reports why values of one type cannot become another, with
// arithmetic in between or without.
func convertible(to, from tensor.DType, arithmetic bool) error {
	if !arithmetic {
		return tensor.CanConvert(to, from)
	}
	if from.Kind() != tensor.KindFloat || from == tensor.Float64 {
		return fmt.Errorf("arithmetic on %s", from)
	}
	switch to {
	case tensor.Float32, tensor.BFloat16, tensor.Float16:
		return nil
	}
	return fmt.Errorf("float32 results as %s", to)
}

func (u *unit) variant(steps []plan.Step, d tensor.DType) *variant {
	for _, v := range u.variants {
		if v.dtype == d && slices.Equal(v.steps, steps) {
			return v
		}
	}
	v := &variant{steps: steps, dtype: d}
	u.variants = append(u.variants, v)
	return v
}

func (c *compiler) base(s *plan.Source) (*base, error) {
	key := [2]string{s.From, s.Name}
	if b := c.byName[key]; b != nil {
		return b, nil
	}
	t, err := c.manifests.Lookup(s)
	if err != nil {
		return nil, err
	}
	r := c.sources[s.From]
	chunks, err := r.Chunks(s.Name)
	if err != nil {
		return nil, sourceFault(s.From, s.Name, err)
	}
	b := &base{from: s.From, name: s.Name, dtype: t.DType, shape: t.Shape, reader: r, chunks: chunks}
	n := 0
	for i := range chunks {
		if !chunks[i].Region.Inside(t.Shape) {
			return nil, sourceFault(s.From, s.Name, fmt.Errorf("chunk %d lies outside of the shape %v", i, t.Shape))
		}
		n += chunks[i].Region.Shape.Elements()
	}
	if n != t.Shape.Elements() {
		return nil, sourceFault(s.From, s.Name, fmt.Errorf("its chunks hold %d elements, wanted %d", n, t.Shape.Elements()))
	}
	c.byName[key] = b
	c.bases = append(c.bases, b)
	return b, nil
}

func (c *compiler) unit(b *base, l *plan.Leaf) (*unit, error) {
	key := sourceKey(l.Source)
	for i := range l.Terms {
		t := &l.Terms[i]
		key += fmt.Sprintf(" %s %s %q %x", sourceKey(t.A), sourceKey(t.B), t.Einsum, t.Scale)
	}
	if u := c.units[key]; u != nil {
		return u, nil
	}
	u := &unit{box: newBox(len(b.shape)), strides: make([]int, len(b.shape))}
	copy(u.box.hi, b.shape)
	for _, at := range l.Source.Index {
		u.box.lo[at.Axis], u.box.hi[at.Axis] = at.Pos, at.Pos+1
	}
	leaf := leafShape(b.shape, l.Source)
	n := 1
	for x := len(b.shape) - 1; x >= 0; x-- {
		if !indexes(l.Source, x) {
			u.strides[x] = n
			n *= b.shape[x]
		}
	}
	for i := range l.Terms {
		t, err := c.contract(&l.Terms[i], leaf)
		if err != nil {
			return nil, err
		}
		u.terms = append(u.terms, t)
	}
	c.units[key] = u
	b.units = append(b.units, u)
	return u, nil
}

// sourceKey names what s reads, and nothing else: names of parameters are
// another's choice, so they are quoted.
func sourceKey(s *plan.Source) string { return fmt.Sprintf("%q %q %v", s.From, s.Name, s.Index) }

func indexes(s *plan.Source, axis int) bool {
	return slices.ContainsFunc(s.Index, func(at plan.At) bool { return at.Axis == axis })
}

// leafShape is the shape of s after indexing.
func leafShape(stored tensor.Shape, s *plan.Source) tensor.Shape {
	var out tensor.Shape
	for x, n := range stored {
		if !indexes(s, x) {
			out = append(out, n)
		}
	}
	return out
}

// finish brings everything into an order that does not depend on maps.
func (c *compiler) finish() *program {
	for v, of := range c.covered {
		v.parts = map[int]bool{}
		for t, n := range of.by {
			if n == of.unit.box.elements() {
				v.whole = append(v.whole, t)
			} else {
				v.parts[t] = true
			}
		}
		sort.Ints(v.whole)
	}
	for _, b := range c.bases {
		slices.SortStableFunc(b.units, func(a, b *unit) int { return slices.Compare(a.box.lo, b.box.lo) })
		b.indexed = len(b.shape) > 0
		for _, u := range b.units {
			b.indexed = b.indexed && u.box.hi[0]-u.box.lo[0] == 1
		}
	}
	slices.SortFunc(c.bases, func(a, b *base) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.name, b.name))
	})
	return &c.program
}

// stepped is v after the steps.
func stepped(v float32, steps []plan.Step) float32 {
	w := []float32{v}
	applySteps(w, steps)
	return w[0]
}
