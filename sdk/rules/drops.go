package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
)

// elements is a key for what a source node reads.
func elements(s *plan.Source) string { return fmt.Sprintf("%s\x00%s\x00%v", s.From, s.Name, s.Index) }

func (x *expansion) dropPair(t plan.Term, reason, row string) {
	for _, s := range []*plan.Source{t.A, t.B} {
		x.dropOnce(elements(s), plan.Drop{From: s.From, Name: s.Name, Index: s.Index, Reason: reason, Rule: row})
	}
}

func (x *expansion) dropOnce(key string, d plan.Drop) {
	if !x.dropped[key] {
		x.dropped[key] = true
		x.res.Drops = append(x.res.Drops, d)
	}
}

// settleDrops takes back drops of elements that another line merges: a factor
// may be shared by several targets.
func (x *expansion) settleDrops() {
	kept := x.res.Drops[:0]
	for _, d := range x.res.Drops {
		if d.Part != nil || !x.used[elements(&plan.Source{From: d.From, Name: d.Name, Index: d.Index})] {
			kept = append(kept, d)
		}
	}
	x.res.Drops = kept
}

// segments drops the segments of an instance's axes that the row says go
// nowhere.
func (x *expansion) segments(in *instance, sizes map[string]int) error {
	if len(in.row.Drop) == 0 || x.Method == "adapter" { // all of the base is dropped
		return nil
	}
	left := map[string]string{}
	for l, why := range in.row.Drop {
		if slices.Contains(rule.Letters(in.to), l) {
			return fmt.Errorf("letter %s is dropped and used", l)
		}
		left[l] = why
	}
	for axis, a := range in.stored() {
		start := 0
		for _, seg := range a.Sum {
			n, ok := measure(seg, sizes)
			if !ok {
				return fmt.Errorf("the size of %s is not known", seg)
			}
			if why, ok := in.row.Drop[seg.Letter]; ok && seg.Letter != "" {
				delete(left, seg.Letter)
				if n > 0 {
					x.dropPart(in, plan.Part{Axis: axis, Start: start, Size: n}, why)
				}
			}
			start += n
		}
	}
	for _, l := range slices.Sorted(maps.Keys(left)) {
		return fmt.Errorf("letter %s is dropped, but is no segment of an axis of %q", l, in.row.Axes)
	}
	return nil
}

func (x *expansion) dropPart(in *instance, p plan.Part, why string) {
	for _, b := range in.bases {
		key := fmt.Sprintf("%s\x00%s\x00%v", b.tree.src.Name, b.t.Name, p)
		x.dropOnce(key, plan.Drop{From: b.tree.src.Name, Name: b.t.Name, Part: &p, Reason: why, Rule: in.row.Name})
	}
}

// dropSegments drops what a factor has for segments that the row drops.
func (x *expansion) dropSegments(b block) error {
	for _, f := range []factor{{b.pair.a, b.pair.einsum.a}, {b.pair.b, b.pair.einsum.b}} {
		for axis, a := range b.in.unstacked(f.axes) {
			start := 0
			for _, seg := range a.Sum {
				n, ok := measure(seg, b.sizes)
				if !ok {
					return fmt.Errorf("the size of %s is not known", seg)
				}
				if why, ok := b.in.row.Drop[seg.Letter]; ok && seg.Letter != "" && n > 0 {
					s := b.source(f.p, f.axes)
					part := plan.Part{Axis: axis, Start: start, Size: n}
					x.dropOnce(fmt.Sprintf("%s\x00%v", elements(s), part), plan.Drop{From: s.From, Name: s.Name, Index: s.Index, Part: &part, Reason: why, Rule: b.in.row.Name})
				}
				start += n
			}
		}
	}
	return nil
}

// dropBases drops the weights of the base: an adapter is made of its factors.
func (x *expansion) dropBases() {
	for _, in := range x.insts {
		for _, b := range in.bases {
			if b.t != nil {
				x.dropOnce("base\x00"+b.t.Name, plan.Drop{From: b.tree.src.Name, Name: b.t.Name, Reason: `method = "adapter" reads shapes only`, Rule: in.row.Name})
			}
		}
	}
}
