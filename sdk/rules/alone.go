package rules

import (
	"errors"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/rule"
)

// Known is a number that somebody says, and who.
type Known struct {
	N    int
	From string // for messages: "the template's num_attention_heads"
}

// CodeUnknown is reported where an adapter without its base leaves a size open
// that a formula needs.
const CodeUnknown = "size-unknown"

var errOpen = errors.New("the sizes cannot be told apart")

// placeholders gives an instance bases that are not there, if the adapter has
// a factor for one of them.
func (x *expansion) placeholders(in *instance, pattern string) {
	t := x.trees[0]
	var bases []base
	some := false
	for at := range combos(in.stack, in.namesOf) {
		rel := fill(pattern, pick(in.row.Names, at))
		names := adapterEnv(in.env, rel)
		for _, l := range in.row.Lora {
			some = some || t.byName[fill(l.A, names)] != nil || t.byName[fill(l.B, names)] != nil
		}
		bases = append(bases, base{param{tree: t, rel: rel}, at})
	}
	if some {
		in.bases = bases
		x.insts = append(x.insts, in)
	}
}

// measureStacksOfFactors reads the length of stack axes off first factors.
func (x *expansion) measureStacksOfFactors() {
	for _, in := range x.insts {
		if in.site == nil {
			continue
		}
		for _, ps := range in.loras {
			for _, p := range ps {
				for l, n := range stackSizes(in.site, in.unstacked(p.einsum.a), p.a.shape()) {
					key := stackKey(in.site.block.Name, l)
					if _, ok := x.stacks[key]; !ok { // those that disagree are reported with the sizes
						x.stacks[key] = n
					}
				}
			}
		}
	}
}

// voteKnown casts the votes of those who know sizes from elsewhere.
func (x *expansion) voteKnown() {
	cast := map[string]bool{}
	for _, in := range x.insts {
		for _, l := range rule.Letters(in.axes) {
			k, ok := x.Known[x.Table.Letters[l]]
			_, stated := in.row.Size[l]
			_, named := in.row.Names[l]
			if key := in.key(l); ok && !stated && !named && !cast[key] && (in.site == nil || !slices.Contains(in.site.stack(), l)) {
				cast[key] = true
				x.votes.cast(key, k.N, k.From, in.row.Name)
			}
		}
	}
}

// unsolved reports an axis that does not come out, or that leaves several
// letters open.
func (x *expansion) unsolved(o operand, axis int, err error, because string) {
	if !x.Alone || !errors.Is(err, errOpen) {
		x.shapeError(o.p, o.in.row.Name, "axis %d: %v%s", axis, err, because)
		return
	}
	d := x.res.Diagnostics.Errorf(diag.Usage, CodeUnknown, "A size is not known",
		"%s has shape %v: axis %d is %s, which an adapter alone does not tell apart; a template or the base model does (row %q)",
		o.p.t.Name, o.p.shape(), axis, rule.FormatAxes(o.axes[axis:axis+1]), o.in.row.Name)
	d.Tensor, d.Rule = o.p.t.Name, o.in.row.Name
}

// countAlone is count for an adapter without its base. A stack axis is as long
// as in the base; sites that are numbered one by one may be some of all.
func (x *expansion) countAlone(name string) int {
	if k, ok := x.Counts[name]; ok {
		return k.N
	}
	for i := range x.Table.Blocks {
		b := &x.Table.Blocks[i]
		if n, ok := x.stacks[stackKey(b.Name, name)]; ok {
			return n
		}
		sites := x.trees[0].sites[name]
		if b.Name != name || len(sites) == 0 || slices.ContainsFunc(sites, func(s *site) bool { return len(s.stack()) == 0 }) {
			continue
		}
		n := 0
		for _, s := range sites {
			n += x.positions(s)
		}
		if n > 0 {
			return n
		}
	}
	if !x.uncounted[name] {
		x.uncounted[name] = true
		x.res.Diagnostics.Errorf(diag.Usage, CodeUnknown, "A size is not known",
			"how many %q the whole model has is needed for the names of layers, and the adapter alone does not tell; a template or the base model does", name).Rule = name
	}
	return 0
}

// checkCovered compares what an adapter covers of a block with how many
// instances the model is said to have.
func (x *expansion) checkCovered(b *rule.Block) {
	k, ok := x.Counts[b.Name]
	if !ok {
		return
	}
	for _, s := range x.trees[0].sites[b.Name] {
		n, stacked := x.positions(s), len(s.stack()) > 0
		if !stacked {
			for _, i := range s.num {
				n = max(n, i+1)
			}
		}
		if n > k.N || stacked && n != k.N {
			x.res.Diagnostics.Errorf(diag.Keys, CodeShape, "The adapter is of another model",
				"%s says that block %q stands %d times, and %s%s is for %d", k.From, b.Name, k.N, x.trees[0].root, s.path, n).Rule = b.Name
		}
	}
}
