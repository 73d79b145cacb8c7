package engine

import "github.com/loraconv/loraconv/core/diag"

// schedule says how a group is read.
//
// A window is the stretch of each member's stream with one position on every
// axis before axis and block positions on axis itself; axis -1 is the whole
// chunk. With several passes the members are read so often, and each pass takes
// its share of the positions on passAxis.
type schedule struct {
	axis, block      int
	passAxis, passes int

	window  int // bytes of the largest window
	run     int // bytes of the shortest run
	buffers int // windows that are held at one time
	slab    int // bytes of a slab
	ring    int // slabs
	streams int64
	cost    int64 // bytes in all
}

// ladder chooses schedules within a budget.
type ladder struct {
	l       layouter
	budget  int64 // for one group
	slab    int   // of the group that is looked at
	fixed   int   // of all groups, if not 0
	ring    int
	buffers int // wanted
}

const (
	largeSlab = 4 << 20
	smallSlab = 128 << 10
)

func newLadder(p *program, budget int64, workers, slab int) *ladder {
	l := &ladder{l: layouter{p: p}, budget: budget, fixed: slab, ring: 1, buffers: 1}
	if workers > 1 {
		l.ring, l.buffers = 3, 2
	}
	return l
}

// slabFor is how large slabs of g should be: so large that what a slab brings
// to one row of a transposed output is a few cache lines.
func (l *ladder) slabFor(g *group) int {
	if l.fixed != 0 {
		return l.fixed
	}
	want := min(largeSlab, l.budget/32)
	for _, m := range g.members {
		want = max(want, min(m.turnedRows()*turnedRows, l.budget/16))
	}
	return int(max(smallSlab, want))
}

// turnedRows is how many rows a slab of a transposed array should have.
const turnedRows = 64

// turnedRows returns the bytes from one position to the next on the axis that
// runs fastest in the output, if that is not the axis that runs fastest in the
// chunk; else 0.
func (m *member) turnedRows() int64 {
	n := int64(0)
	for _, u := range m.base.units {
		if !u.box.overlaps(m.region) {
			continue
		}
		for _, d := range u.variants[0].pieces[0].dims {
			if d.dst != 1 || d.axis == len(m.region.lo)-1 {
				continue
			}
			row := int64(m.base.dtype.Size())
			for x := d.axis + 1; x < len(m.region.lo); x++ {
				row *= int64(m.region.hi[x] - m.region.lo[x])
			}
			n = max(n, row)
		}
		break // the units of one array are much alike
	}
	return n
}

// choose finds the first rung that fits: long runs, also if no other group can
// then run beside this one, shorter runs, then the
// fewest passes; as a last resort runs of any length. Nothing else differs
// between rungs but time.
func (l *ladder) choose(g *group) *memoryError {
	need := int64(0) // what would do
	for l.slab = l.slabFor(g); ; l.slab = smallSlab {
		cands := l.candidates(g)
		whole := cands[len(cands)-1]
		l.measure(g, &whole, false)
		good, fair := min(goodRun, whole.run), min(fairRun, whole.run)
		long := min(longRun, whole.run)
		if l.amply(g, cands, long) || l.once(g, cands, long, &need) || l.once(g, cands, good, &need) || l.once(g, cands, fair, &need) || l.often(g, cands, fair, &need) ||
			l.once(g, cands, 1, &need) || l.often(g, cands, 1, &need) {
			return nil
		}
		if l.fixed != 0 || l.slab == smallSlab {
			break
		}
	}
	m := g.members[0]
	d := diag.New(diag.Usage, CodeMemory, "A chunk does not fit into the memory that is allowed",
		"%s in source %q: computing it needs %d bytes at least, and %d are left of the budget", m.base.name, m.base.from, need, max(0, l.budget))
	d.Tensor = m.base.name
	d.Path = []string{"compute", "memory"}
	return &memoryError{d, need}
}

// amply tries to read g once, with runs of at least run, in half of the budget:
// so much that another group can run beside it.
func (l *ladder) amply(g *group, cands []schedule, run int) bool {
	half := *l
	half.budget /= 2
	need := int64(0)
	return half.once(g, cands, run, &need)
}

// once tries to read g once, with runs of at least run.
func (l *ladder) once(g *group, cands []schedule, run int, need *int64) bool {
	for i := range cands {
		if s := cands[i]; l.fits(g, &s, run, need) {
			g.plan = s
			return true
		}
	}
	return false
}

// often tries to read g in as few passes as will do, of these in the one with
// the longest runs.
func (l *ladder) often(g *group, cands []schedule, run int, need *int64) bool {
	for passes := 2; passes <= maxPasses; passes += 1 + passes/4 {
		best := schedule{}
		for i := range cands {
			for _, axis := range g.passAxes(cands[i].axis, passes) {
				s := cands[i]
				s.passAxis, s.passes = axis, passes
				if l.fits(g, &s, run, need) && s.run > best.run {
					best = s
				}
			}
		}
		if best.passes > 0 {
			g.plan = best
			return true
		}
	}
	return false
}

// maxPasses is how often a chunk is read at most.
const maxPasses = 256

// memoryError is a refusal, with the budget that would do; beyond prepare, with
// what is lacking.
type memoryError struct {
	*diag.Diagnostic
	need int64
}

func (e *memoryError) Unwrap() error { return e.Diagnostic }

// fits measures s and reports whether it has runs of the given length and lies
// within the budget; need is brought down to what it would have needed.
func (l *ladder) fits(g *group, s *schedule, run int, need *int64) bool {
	l.measure(g, s, false)
	if s.run < run || s.cost > l.budget && *need > 0 && s.cost >= *need {
		return false
	}
	l.measure(g, s, true)
	if s.run < run {
		return false
	}
	if s.cost > l.budget {
		if *need == 0 || s.cost < *need {
			*need = s.cost
		}
		return false
	}
	return true
}

// measure finds the window's size and the cost of s from the first window, or
// from all of them.
func (l *ladder) measure(g *group, s *schedule, all bool) {
	s.window, s.run = 0, maxRun
	windows := 0
	for pass := range s.passes {
		g.eachWindow(s, pass, func(_, boxes []box) bool {
			w := l.l.layout(g.members, boxes)
			s.window = max(s.window, w.size)
			s.run = min(s.run, w.run)
			windows++
			return all || windows < 2
		})
		if !all {
			break
		}
	}
	s.streams = 0
	for _, m := range g.members {
		need := m.base.chunks[m.chunk].Memory
		if windows > 1 {
			s.streams += need
		} else {
			s.streams = max(s.streams, need)
		}
	}
	s.slab, s.ring = l.slab, l.ring
	largest := int64(0)
	for _, m := range g.members {
		largest = max(largest, m.bytes())
	}
	s.slab = int(min(int64(s.slab), largest))
	fixed := s.streams + int64(s.ring*s.slab)
	s.buffers = l.buffers
	if windows < 2 || fixed+int64(s.buffers*s.window) > l.budget {
		s.buffers = 1
	}
	s.cost = fixed + int64(s.buffers)*int64(s.window)
}

// candidates returns windows from small to large; the last is the whole.
func (l *ladder) candidates(g *group) []schedule {
	var out []schedule
	base := schedule{axis: -1, passAxis: -1, passes: 1}
	shared := g.sharedAxes()
	r := g.members[0].region
	row := 0 // bytes of one position of the axis, over all members
	for axis := shared - 1; axis >= 0; axis-- {
		row = 0
		for _, m := range g.members {
			n := m.base.dtype.Size()
			for x := axis + 1; x < len(m.region.lo); x++ {
				n *= m.region.hi[x] - m.region.lo[x]
			}
			row += n
		}
		extent := r.hi[axis] - r.lo[axis]
		first := max(1, l.slab/max(1, row))
		if first >= extent && axis > 0 {
			continue
		}
		for b := first; b < extent; b *= 2 {
			s := base
			s.axis, s.block = axis, b
			if axis == len(r.lo)-1 {
				s.block = (b + measureBlock - 1) / measureBlock * measureBlock
			}
			if s.block < extent {
				out = append(out, s)
			}
		}
		if axis > 0 {
			s := base
			s.axis, s.block = axis-1, 1
			if r.hi[axis-1]-r.lo[axis-1] > 1 {
				out = append(out, s)
			}
		}
	}
	return append(out, base)
}

// sharedAxes counts the leading axes on which all members hold the same
// positions, so that their windows can be taken together.
func (g *group) sharedAxes() int {
	a := g.members[0].region
	n := len(a.lo)
	for _, m := range g.members[1:] {
		b := m.region
		if len(b.lo) != len(a.lo) {
			return 0
		}
		for x := 0; x < n; x++ {
			if a.lo[x] != b.lo[x] || a.hi[x] != b.hi[x] {
				n = x
			}
		}
	}
	return n
}

// passAxes returns the axes behind axis that can be cut in passes parts.
func (g *group) passAxes(axis, passes int) []int {
	a := g.members[0].region
	var out []int
	for x := axis + 1; x < len(a.lo); x++ {
		ok := passExtent(a, x) >= passes
		for _, m := range g.members[1:] {
			ok = ok && len(m.region.lo) == len(a.lo) && m.region.lo[x] == a.lo[x] && m.region.hi[x] == a.hi[x]
		}
		if ok {
			out = append(out, x)
		}
	}
	return out
}
