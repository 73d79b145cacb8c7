package rules

import (
	"slices"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// tree is one source's parameters under their relative names.
type tree struct {
	src     *sdk.Source
	root    string   // of the names that messages propose; see full
	side    []string // further roots that the source has
	names   []string // relative, sorted
	byName  map[string]*manifest.Tensor
	sites   map[string][]*site // by block
	claimed map[string]string  // relative name -> row
}

func newTree(src *sdk.Source, roots []string) *tree {
	t := &tree{src: src, byName: map[string]*manifest.Tensor{}, sites: map[string][]*site{}, claimed: map[string]string{}}
	var off []string // prefixes to take off
	for _, r := range roots {
		side := strings.Split(r, " + ")
		for i := range side {
			side[i] += "/"
		}
		if r != "" && allUnder(src.Manifest, side) {
			off, t.root = side, side[0]
			break
		}
	}
	for i := range src.Manifest.Tensors {
		p := &src.Manifest.Tensors[i]
		root := under(p.Name, off)
		rel := p.Name[len(root):]
		if root != t.root && !slices.Contains(t.side, root) {
			t.side = append(t.side, root)
		}
		if t.byName[rel] != nil { // two trees have it: neither may hide the other
			rel = p.Name
		}
		t.byName[rel] = p
		t.names = append(t.names, rel)
	}
	sort.Strings(t.names)
	return t
}

// full is a parameter's name in its source, also of one that is not there.
func (t *tree) full(rel string) string {
	if p := t.byName[rel]; p != nil {
		return p.Name
	}
	return t.root + rel
}

// wanted is what a parameter that is not there would be called.
func (t *tree) wanted(rel string) string {
	out := t.root + rel
	for _, s := range t.side {
		out += " or " + s + rel
	}
	return out
}

// under returns the prefix that name has and that leaves something of it, or "".
func under(name string, prefixes []string) string {
	for _, p := range prefixes {
		if len(name) > len(p) && strings.HasPrefix(name, p) {
			return p
		}
	}
	return ""
}

// allUnder reports whether every parameter is under one of the prefixes, and
// some under the first.
func allUnder(m *manifest.Manifest, prefixes []string) bool {
	first := false
	for i := range m.Tensors {
		p := under(m.Tensors[i].Name, prefixes)
		if p == "" {
			return false
		}
		first = first || p == prefixes[0]
	}
	return first
}

// unclaimed returns the relative names that nothing has claimed, sorted.
func (t *tree) unclaimed() []string {
	var out []string
	for i, n := range t.names {
		if _, ok := t.claimed[n]; !ok && (i == 0 || t.names[i-1] != n) {
			out = append(out, n)
		}
	}
	return out
}

// param is a parameter that an instance reads.
type param struct {
	tree *tree
	rel  string
	t    *manifest.Tensor
}

func (p param) source(index []plan.At) *plan.Source {
	return &plan.Source{From: p.tree.src.Name, Name: p.t.Name, Index: index}
}

func (p param) shape() tensor.Shape { return p.t.Shape }
