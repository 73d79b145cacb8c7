package rules

import (
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/rule"
)

func stackKey(block, letter string) string { return "block " + block + "|" + letter }

// insert puts the stack letters of a site into the axes of one array: the
// first becomes axis s.axis, or the last where there are fewer. Axes that
// stand for several sources, side by side, are not in the array and do not
// count.
func (s *site) insert(axes []rule.Axis, sources []string) []rule.Axis {
	if s == nil || len(s.stack()) == 0 {
		return axes
	}
	out := make([]rule.Axis, 0, len(axes)+len(s.stack()))
	stored, done := 0, false
	put := func() {
		for _, l := range s.stack() {
			out = append(out, rule.Axis{Letter: l})
		}
		done = true
	}
	for _, a := range axes {
		if !done && stored == s.axis {
			put()
		}
		out = append(out, a)
		if a.Letter == "" || !slices.Contains(sources, a.Letter) {
			stored++
		}
	}
	if !done {
		put()
	}
	return out
}

// measureStacks finds, once all bases are known, how long each stack axis is:
// as most of the arrays have it. Those that disagree are reported with the
// other sizes.
func (x *expansion) measureStacks() {
	seen := map[string]map[int]int{}
	for _, in := range x.insts {
		if in.site == nil || in.parts != nil {
			continue
		}
		for _, b := range in.bases {
			if b.t == nil {
				continue
			}
			for l, n := range stackSizes(in.site, in.stored(), b.shape()) {
				key := stackKey(in.site.block.Name, l)
				if seen[key] == nil {
					seen[key] = map[int]int{}
				}
				seen[key][n]++
			}
		}
	}
	x.stacks = map[string]int{}
	for key, by := range seen {
		best := 0
		for n, c := range by {
			if c > by[best] || c == by[best] && n < best {
				best = n
			}
		}
		x.stacks[key] = best
	}
}

// stackSizes reads the sizes of a site's stack letters off one array.
func stackSizes(s *site, axes []rule.Axis, shape []int) map[string]int {
	out := map[string]int{}
	if len(axes) != len(shape) {
		return out
	}
	for i, a := range axes {
		if a.Letter != "" && slices.Contains(s.stack(), a.Letter) {
			out[a.Letter] = shape[i]
		}
	}
	return out
}

// positions returns how many instances of its block a site of the base holds.
func (x *expansion) positions(s *site) int {
	n := 1
	for _, l := range s.stack() {
		n *= x.stacks[stackKey(s.block.Name, l)]
	}
	return n
}

// checkCounts compares the number of a block's instances with what the table
// says it must be, and states it as a fact.
func (x *expansion) checkCounts() {
	for i := range x.Table.Blocks {
		b := &x.Table.Blocks[i]
		sites := x.trees[0].sites[b.Name]
		if len(sites) == 0 {
			continue
		}
		n := 0
		for _, s := range sites {
			n += x.positions(s)
		}
		where := x.trees[0].root + sites[0].path
		if last := sites[len(sites)-1]; last != sites[0] {
			where += " to " + x.trees[0].root + last.path
		}
		x.blockFacts = append(x.blockFacts, blockFact{b.Name, n, where})
		if x.Alone {
			x.checkCovered(b)
			continue
		}
		if b.Count == nil || x.gaps[b.Name] {
			continue
		}
		want, err := x.whole(b.Count, env{}, nil)
		switch {
		case err != nil:
			x.faultOf(err, b.Name)
		case n != want:
			x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
				"block %q stands %d times, at %s; wanted %d (%s)", b.Name, n, where, want, b.Count).Rule = b.Name
		}
	}
}

type blockFact struct {
	name  string
	n     int
	where string
}

// maxStack bounds how many instances of a block are looked at in one place.
const maxStack = 1 << 14
