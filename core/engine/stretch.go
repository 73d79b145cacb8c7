package engine

import "slices"

// passExtent is the number of positions, or of blocks on the last axis, where
// a pass may begin.
func passExtent(r box, x int) int {
	n := r.hi[x] - r.lo[x]
	if x == len(r.lo)-1 {
		n = (n + measureBlock - 1) / measureBlock
	}
	return n
}

// restrict narrows b, a part of region, to the share of a pass.
func (s *schedule) restrict(b, region box, pass int) {
	x := s.passAxis
	if s.passes == 1 {
		return
	}
	unit, n := 1, passExtent(region, x)
	if x == len(region.lo)-1 {
		unit = measureBlock
	}
	b.lo[x] = max(b.lo[x], region.lo[x]+pass*n/s.passes*unit)
	b.hi[x] = min(b.hi[x], region.lo[x]+(pass+1)*n/s.passes*unit)
}

// eachWindow calls visit for each window of a pass, in the order of the
// stream: with the stretch that is read of each member, and what of it is
// computed. It stops when visit returns false.
func (g *group) eachWindow(s *schedule, pass int, visit func(stretch, boxes []box) bool) {
	at := slices.Clone(g.members[0].region.lo)
	for more := true; more; {
		stretch, boxes := make([]box, len(g.members)), make([]box, len(g.members))
		for i, m := range g.members {
			b := m.region.clone()
			for x := 0; x < s.axis; x++ {
				b.lo[x], b.hi[x] = at[x], at[x]+1
			}
			if s.axis >= 0 {
				b.lo[s.axis], b.hi[s.axis] = at[s.axis], min(at[s.axis]+s.block, b.hi[s.axis])
			}
			stretch[i], boxes[i] = b, b.clone()
			s.restrict(boxes[i], m.region, pass)
		}
		if !visit(stretch, boxes) {
			return
		}
		more = false
		for x := s.axis; x >= 0; x-- {
			step := 1
			if x == s.axis {
				step = s.block
			}
			if at[x] += step; at[x] < g.members[0].region.hi[x] {
				more = true
				break
			}
			at[x] = g.members[0].region.lo[x]
		}
	}
}

// eachSlab cuts a stretch into slabs of at most limit bytes: whole rows where
// these are short enough.
func eachSlab(b box, size, limit int, visit func(box) bool) {
	x := len(b.lo) - 1
	if x < 0 {
		visit(b)
		return
	}
	for ; x > 0 && size*(b.hi[x]-b.lo[x]) <= limit; x-- {
		size *= b.hi[x] - b.lo[x]
	}
	block := max(1, limit/size)
	if x == len(b.lo)-1 {
		block = max(measureBlock, block/measureBlock*measureBlock)
	}
	s := b.clone()
	for y := range x {
		s.hi[y] = s.lo[y] + 1
	}
	for more := true; more; {
		for at := b.lo[x]; at < b.hi[x]; at += block {
			s.lo[x], s.hi[x] = at, min(at+block, b.hi[x])
			if !visit(s) {
				return
			}
		}
		more = false
		for y := x - 1; y >= 0; y-- {
			s.lo[y]++
			s.hi[y]++
			if s.lo[y] < b.hi[y] {
				more = true
				break
			}
			s.lo[y], s.hi[y] = b.lo[y], b.lo[y]+1
		}
	}
}
