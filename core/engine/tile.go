package engine

import (
	"github.com/loraconv/loraconv/core/kernel"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

const (
	tileElements = 64 << 10 // of float32: a quarter of a second-level cache of 1 MiB
	tileColumns  = 512
)

// Tiles are cut between measuring blocks.
var _ [0]struct{} = [tileColumns % measureBlock]struct{}{}

// worker is the room that one goroutine computes in. Nothing is allocated while
// a slab is computed.
type worker struct {
	w, v     []float32
	exact    *exactTile // nil until something is measured
	enc, raw []byte
	merger   merger
	cut      cutter

	region, tile    box
	slabStrides     []int
	tileStrides     []int
	shape, dst, src []int
	operands        []held
	emit            func(*piece)
	moveFrom        []byte
	moveTo          []byte
	moveSize        int
	moveBox         box
	moveStrides     []int
	at              []int
}

func newWorker() *worker {
	k := &worker{
		w: make([]float32, tileElements), v: make([]float32, tileElements),
		enc: make([]byte, 8*tileElements), raw: make([]byte, 4*tileElements),
		slabStrides: make([]int, maxRank), tileStrides: make([]int, maxRank), at: make([]int, maxRank),
		region: newBox(maxRank), tile: newBox(maxRank),
	}
	k.emit = k.move
	return k
}

// slab is a piece of work: what was read of one member, and the window that it
// belongs to.
type slab struct {
	member int
	base   *base
	box    box
	data   []byte
	win    *openWindow
	clean  int8 // 1: all values of data are finite, -1: not all, 0: not yet known
}

// compute brings s into its window.
func (e *executor) compute(k *worker, s *slab) error {
	rank := len(s.box.lo)
	s.box.compact(k.slabStrides[:rank])
	w := s.win.window
	for i := range w.insts[s.member] {
		in := &w.insts[s.member][i]
		region := box{k.region.lo[:rank], k.region.hi[:rank]}
		if !in.unit.box.intersect(s.box, region) || !region.intersect(w.boxes[s.member], region) {
			continue
		}
		if err := e.unit(k, s, in, region); err != nil {
			return err
		}
	}
	return nil
}

func (e *executor) unit(k *worker, s *slab, in *inst, region box) error {
	u := in.unit
	tiles := len(u.terms) > 0
	for i := range in.variants {
		v := &in.variants[i]
		if u.copies(s.base, v.variant) {
			e.copyOut(k, s, v, region)
		} else {
			tiles = true
		}
	}
	if !tiles {
		return e.hook()
	}
	if err := e.acquire(k, u, region); err != nil {
		return err
	}
	defer e.release(k)
	return k.eachTile(region, func(tile box) error {
		e.tile(k, s, in, tile)
		return e.hook()
	})
}

// copies reports whether a variant is the stored bytes as they are.
func (u *unit) copies(b *base, v *variant) bool {
	return len(u.terms) == 0 && len(v.steps) == 0 && v.dtype == b.dtype
}

// copyOut moves bytes from the slab to the window.
func (e *executor) copyOut(k *worker, s *slab, v *instVariant, region box) {
	if s.clean == 0 {
		s.clean = 1
		if nan, inf := tensor.CountNonFinite(s.data, s.base.dtype); nan+inf > 0 {
			s.clean = -1
		}
	}
	k.moveAll(s, v, s.data, s.box, k.slabStrides, region)
	if s.clean < 0 {
		e.inspect(k, s, v, s.data, nil, s.box, k.slabStrides, region)
	}
}

// eachTile cuts region into tiles of at most tileElements. On the last axis it
// cuts at multiples of measureBlock, as windows, passes and slabs do; so a measuring
// block is never cut.
func (k *worker) eachTile(region box, visit func(box) error) error {
	rank := len(region.lo)
	if rank == 0 {
		return visit(region)
	}
	extent := k.at[:rank]
	quota := tileElements
	for x := rank - 1; x >= 0; x-- {
		n := region.hi[x] - region.lo[x]
		if x == rank-1 {
			n = min(n, tileColumns)
		}
		extent[x] = max(1, min(n, quota))
		quota /= extent[x]
	}
	if last := rank - 1; quota > 1 {
		n := region.hi[last] - region.lo[last]
		extent[last] = max(extent[last], min(n, extent[last]*quota/measureBlock*measureBlock))
	}
	t := box{k.tile.lo[:rank], k.tile.hi[:rank]}
	copy(t.lo, region.lo)
	for {
		for x := range t.lo {
			t.hi[x] = min(t.lo[x]+extent[x], region.hi[x])
		}
		if err := visit(t); err != nil {
			return err
		}
		x := rank - 1
		for ; x >= 0; x-- {
			if t.lo[x] = t.hi[x]; t.lo[x] < region.hi[x] {
				break
			}
			t.lo[x] = region.lo[x]
		}
		if x < 0 {
			return nil
		}
	}
}

// tile computes one tile.
func (e *executor) tile(k *worker, s *slab, in *inst, t box) {
	u := in.unit
	rank, n := len(t.lo), t.elements()
	strides := k.tileStrides[:rank]
	t.compact(strides)
	decoded := false
	w := k.w[:n]
	decode := func() {
		if !decoded {
			k.gather(s, t, tensor.Float32Bytes(w), tensor.Float32)
			decoded = true
		}
	}
	if len(u.terms) > 0 {
		decode()
		for i, term := range u.terms {
			k.merger.add(term, w, k.operands[i], t, u.strides, strides)
		}
	}
	measured := e.measures && e.outputs
	if measured {
		e.measureTile(k, s, u, t, strides)
	}
	for i := range in.variants {
		v := &in.variants[i]
		if u.copies(s.base, v.variant) {
			continue
		}
		enc, exact := k.enc[:n*v.dtype.Size()], w
		switch {
		case len(u.terms) == 0 && len(v.steps) == 0:
			exact = nil
			k.gather(s, t, enc, v.dtype)
		case len(v.steps) > 0:
			decode()
			exact = k.v[:n]
			copy(exact, w)
			applySteps(exact, v.steps)
			fallthrough
		default:
			encode(enc, exact, v.dtype)
		}
		if measured {
			e.measure(k, u, v, t, strides, enc)
		}
		k.moveAll(s, v, enc, t, strides, t)
		if nan, inf := tensor.CountNonFinite(enc, v.dtype); nan+inf > 0 {
			e.inspect(k, s, v, enc, exact, t, strides, t)
		}
	}
}

// gather converts the elements of t from the slab into dst, in C order.
func (k *worker) gather(s *slab, t box, dst []byte, to tensor.DType) {
	from := s.base.dtype
	rank, size := len(t.lo), from.Size()
	// What is contiguous in the slab: the last axes that t has in full.
	run, x := 1, rank
	for x > 0 {
		x--
		run *= t.hi[x] - t.lo[x]
		if t.hi[x]-t.lo[x] != s.box.hi[x]-s.box.lo[x] {
			break
		}
	}
	if run >= 64 || x == 0 {
		k.gatherRuns(s, t, dst, to, 0, x, 0, run)
		return
	}
	// Short runs are moved together first.
	n := t.elements()
	raw := k.raw
	if n*size > len(raw) {
		raw = make([]byte, n*size) // a type of more than four bytes
	}
	at := 0
	shape, strides := k.shape[:0], k.slabStrides[:rank]
	for y := range rank {
		shape = append(shape, t.hi[y]-t.lo[y])
		at += (t.lo[y] - s.box.lo[y]) * strides[y]
	}
	k.shape = shape
	k.dst = append(k.dst[:0], k.tileStrides[:rank]...)
	kernel.Move(raw[:n*size], s.data[at*size:], size, shape, k.dst, strides)
	must(tensor.Convert(dst, to, raw[:n*size], from))
}

func (k *worker) gatherRuns(s *slab, t box, dst []byte, to tensor.DType, x, last, at, run int) []byte {
	if x == last || len(t.lo) == 0 {
		for y := x; y < len(t.lo); y++ {
			at += (t.lo[y] - s.box.lo[y]) * k.slabStrides[y]
		}
		size := s.base.dtype.Size()
		n := run * to.Size()
		must(tensor.Convert(dst[:n], to, s.data[at*size:(at+run)*size], s.base.dtype))
		return dst[n:]
	}
	for i := t.lo[x]; i < t.hi[x]; i++ {
		dst = k.gatherRuns(s, t, dst, to, x+1, last, at+(i-s.box.lo[x])*k.slabStrides[x], run)
	}
	return dst
}

// moveAll moves what v wants of part from data, which holds the elements of b,
// to the window.
func (k *worker) moveAll(s *slab, v *instVariant, data []byte, b box, strides []int, part box) {
	k.moveFrom, k.moveTo, k.moveSize, k.moveBox, k.moveStrides = data, s.win.buf, v.dtype.Size(), b, strides
	k.cut.emit = k.emit
	for i := range v.subs {
		k.cut.cut(&v.subs[i], part)
	}
}

func (k *worker) move(p *piece) {
	at := 0
	for x, c := range p.at {
		at += (c - k.moveBox.lo[x]) * k.moveStrides[x]
	}
	k.shape, k.dst, k.src = k.shape[:0], k.dst[:0], k.src[:0]
	for _, d := range p.dims {
		k.shape = append(k.shape, d.size)
		k.dst = append(k.dst, d.buf)
		k.src = append(k.src, d.step*k.moveStrides[d.axis])
	}
	kernel.MoveOut(k.moveTo[p.buf*k.moveSize:], k.moveFrom[at*k.moveSize:], k.moveSize, k.shape, k.dst, k.src)
}

func encode(dst []byte, src []float32, d tensor.DType) { must(tensor.EncodeFloat32(dst, src, d)) }

func applySteps(w []float32, steps []plan.Step) {
	for _, s := range steps {
		switch s.Op {
		case plan.Mul:
			kernel.Scale(w, s.V)
		case plan.Div:
			kernel.Div(w, s.V)
		case plan.Add:
			kernel.Add(w, s.V)
		}
	}
}

// must is for conversions between types that were checked when the program was
// built, on slices of sizes that are computed here.
func must(err error) {
	if err != nil {
		panic("engine: " + err.Error())
	}
}
