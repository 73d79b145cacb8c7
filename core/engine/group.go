package engine

import (
	"cmp"
	"slices"
)

// member is a chunk that a group reads.
type member struct {
	base   *base
	chunk  int // in base.chunks
	region box
}

func (m *member) bytes() int64 {
	return int64(m.region.elements()) * int64(m.base.dtype.Size())
}

// group is the unit of scheduling: the members are read in lock-step, so that
// the image of each window consists of runs that are worth a write.
type group struct {
	members []*member
	plan    schedule
}

func (g *group) bytes() int64 {
	n := int64(0)
	for _, m := range g.members {
		n += m.bytes()
	}
	return n
}

// goodRun is the length of a run, in bytes, at which a write is not dearer than
// what it writes; fairRun is what the ladder accepts before it reads a group
// twice. Where there is plenty of memory, runs are so long that the store writes
// them past the page cache: longRun.
const (
	longRun = 256 << 10
	goodRun = 4096
	fairRun = 1024
)

// groups puts the chunks that hold anything wanted into groups: alone, unless
// their images in a target interleave in runs shorter than run.
func (p *program) groups(run int) []*group {
	l := &layouter{p: p}
	var members []*member
	type image struct {
		member, lo, hi int
		short          bool
	}
	images := make([][]image, len(p.targets))
	for _, b := range p.bases {
		for i := range b.chunks {
			m := &member{base: b, chunk: i, region: regionBox(b, i)}
			w := l.layout([]*member{m}, []box{m.region})
			if len(w.segs) == 0 {
				continue
			}
			for k := 0; k < len(l.out); {
				t := l.out[k].tensor
				im := image{member: len(members), lo: l.out[k].dst}
				for ; k < len(l.out) && l.out[k].tensor == t; k++ {
					im.hi = max(im.hi, l.out[k].max+1)
				}
				images[t] = append(images[t], im)
			}
			for _, g := range w.segs {
				if g.run < run {
					ims := images[g.target]
					ims[len(ims)-1].short = true
				}
			}
			members = append(members, m)
		}
	}
	sets := newSets(len(members))
	for _, ims := range images {
		slices.SortFunc(ims, func(a, b image) int { return cmp.Compare(a.lo, b.lo) })
		for i := 1; i < len(ims); i++ {
			// The one that reaches farthest stands for all before.
			a, b := ims[i-1], ims[i]
			if b.lo < a.hi {
				if a.short || b.short {
					sets.join(a.member, b.member)
					ims[i].short = true
				}
				if a.hi > b.hi {
					ims[i].hi, ims[i].member = a.hi, a.member
				}
			}
		}
	}
	return gather(members, sets)
}

func gather(members []*member, sets *sets) []*group {
	byRoot := map[int]*group{}
	var out []*group
	for i, m := range members {
		r := sets.root(i)
		g := byRoot[r]
		if g == nil {
			g = &group{}
			byRoot[r] = g
			out = append(out, g)
		}
		g.members = append(g.members, m)
	}
	slices.SortStableFunc(out, func(a, b *group) int { return cmp.Compare(b.bytes(), a.bytes()) })
	return out
}

func regionBox(b *base, chunk int) box {
	r := b.chunks[chunk].Region
	x := newBox(len(b.shape))
	for i := range r.Origin {
		x.lo[i], x.hi[i] = r.Origin[i], r.Origin[i]+r.Shape[i]
	}
	return x
}

// sets are disjoint sets of numbers.
type sets struct{ parent []int }

func newSets(n int) *sets {
	s := &sets{make([]int, n)}
	for i := range s.parent {
		s.parent[i] = i
	}
	return s
}

func (s *sets) root(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

func (s *sets) join(i, j int) {
	i, j = s.root(i), s.root(j)
	s.parent[max(i, j)] = min(i, j)
}
