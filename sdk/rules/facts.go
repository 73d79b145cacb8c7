package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/plan"
)

// facts lists what was read off the shapes and pairs, for people.
func (x *expansion) facts() {
	own := map[string]map[int][]string{} // letter -> size -> parameters
	for _, key := range slices.Sorted(maps.Keys(x.votes.size)) {
		scope, letter := splitKey(key)
		what := x.Table.Letters[letter]
		if what == "" || strings.Count(key, "|") != 1 {
			continue
		}
		if _, _, ok := strings.Cut(scope, ownKey); ok {
			if own[letter] == nil {
				own[letter] = map[int][]string{}
			}
			n := x.votes.size[key]
			own[letter][n] = append(own[letter][n], x.votes.by[key][n]...)
			continue
		}
		if scope != "" && !strings.HasPrefix(scope, "block ") {
			what += " (" + scope + ")"
		}
		by := x.votes.by[key][x.votes.size[key]]
		x.res.Facts = append(x.res.Facts, plan.Fact{Name: what, Value: fmt.Sprint(x.votes.size[key]), From: from(by)})
	}
	x.ownFacts(own)
	x.res.Facts = append(x.res.Facts, x.choices...)
	for _, b := range x.blockFacts {
		x.res.Facts = append(x.res.Facts, plan.Fact{Name: b.name, Value: fmt.Sprint(b.n), From: b.where})
	}
	said := map[string]bool{}
	for _, in := range x.insts {
		for bi, ps := range in.loras {
			for pi, p := range ps {
				if said[p.a.t.Name+"\x00"+in.bases[bi].rel] { // two rows may read one base
					continue
				}
				said[p.a.t.Name+"\x00"+in.bases[bi].rel] = true
				value := fmt.Sprintf("rank %d", x.votes.size[pairKey(in, bi, pi, rankOf(p.einsum))])
				x.res.Facts = append(x.res.Facts, plan.Fact{Name: "LoRA on " + in.bases[bi].rel, Value: value, From: p.a.t.Name})
			}
		}
	}
}

// choice states a definition or a fact that a factor was computed with, if the
// table has a description of it.
func (x *expansion) choice(in *instance, name string, v cty.Value) {
	what, given := x.Table.Letters[name], "as given"
	if _, ok := x.Facts[name]; !ok {
		given = ""
		for _, d := range x.Table.Defines {
			if d.Name == name {
				given = name + " = " + d.Value.String()
			}
		}
	}
	if what == "" || given == "" || v.Type() != cty.Number {
		return
	}
	f, _ := v.AsBigFloat().Float64()
	fact := plan.Fact{Name: what, Value: fmt.Sprint(f), From: given}
	if !slices.Contains(x.choices, fact) {
		x.choices = append(x.choices, fact)
	}
}

// ownFacts lists the letters of which each instance of a block has a size of
// its own: every size that there is, and where.
func (x *expansion) ownFacts(own map[string]map[int][]string) {
	for _, letter := range slices.Sorted(maps.Keys(own)) {
		var sizes []int
		for n := range own[letter] {
			sizes = append(sizes, n)
		}
		slices.Sort(sizes)
		var values, leaves []string
		for _, n := range sizes {
			values, leaves = append(values, fmt.Sprint(n)), append(leaves, from(own[letter][n]))
		}
		x.res.Facts = append(x.res.Facts, plan.Fact{Name: x.Table.Letters[letter], Value: strings.Join(values, " or "), From: strings.Join(leaves, "; ")})
	}
}

func from(leaves []string) string {
	if len(leaves) == 1 {
		return leaves[0]
	}
	return fmt.Sprintf("%s and %d more", leaves[0], len(leaves)-1)
}

func splitKey(key string) (scope, letter string) {
	i := strings.LastIndexByte(key, '|')
	return key[:max(i, 0)], key[i+1:]
}

// rankOf returns the contracted letter of a pair.
func rankOf(e *ruleEinsum) string {
	p, err := plan.ParseEinsum(einsumText(e.a, e.b, e.out, nil))
	if err != nil {
		return ""
	}
	for _, l := range p.A.Labels() {
		if p.Class[l] == plan.Contracted {
			return l
		}
	}
	return ""
}
