package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
)

// spelling is one way in which frameworks name the two factors. A factor is a
// component that is the word, or ends in it after "_"; few may follow.
type spelling struct {
	a, b      string
	rankFirst bool // A is [rank, in] and B [out, rank], as in PyTorch; else A ends in the rank
}

// spellings, in the order in which they are tried.
var spellings = []spelling{
	{a: "lora_a", b: "lora_b"},                                      // openpi models/lora.py, MaxText (…_lora_a)
	{a: "lora_A", b: "lora_B", rankFirst: true},                     // peft tuners/lora/layer.py
	{a: "lora_embedding_A", b: "lora_embedding_B", rankFirst: true}, // the same, for embeddings
	{a: "lora_down", b: "lora_up", rankFirst: true},                 // kohya-ss networks/lora.py
}

// bases are the names that the parameter of a pair has beside its factors;
// "" is the module itself.
var bases = []string{"w", "kernel", "weight", "embedding", "base_layer.weight", ""}

// factor is a parameter whose name says that it is half of a pair.
type factor struct {
	key      string // equal for both halves
	isB      bool
	spelling *spelling
	stem     string // of …_lora_a: the name of the base beside it
	module   string // the components before the factor
	tensor   *manifest.Tensor
}

// asFactor reads a parameter's name; sep is what joins its components.
func asFactor(t *manifest.Tensor, sep string) (factor, bool) {
	parts := strings.Split(t.Name, sep)
	for i := len(parts) - 1; i >= max(0, len(parts)-3); i-- {
		for s := range spellings {
			sp := &spellings[s]
			for half, word := range []string{sp.a, sp.b} {
				stem, ok := strings.CutSuffix(parts[i], word)
				if !ok || stem != "" && !strings.HasSuffix(stem, "_") {
					continue
				}
				module := strings.Join(parts[:i], sep)
				rest := strings.Join(parts[i+1:], sep)
				return factor{
					key: fmt.Sprintf("%d\x00%s\x00%s\x00%s", s, module, stem, rest), isB: half == 1, spelling: sp,
					stem: strings.TrimSuffix(stem, "_"), module: module, tensor: t,
				}, true
			}
		}
	}
	return factor{}, false
}

// base names the parameter that a pair changes, and whether the tree has it.
func (f *factor) base(m *manifest.Manifest, sep string) (name string, inTree bool) {
	in := func(n string) string {
		if f.module == "" {
			return n
		}
		if n == "" {
			return f.module
		}
		return f.module + sep + n
	}
	if f.stem != "" {
		n := in(f.stem)
		return n, m.Lookup(n) != nil
	}
	for _, b := range bases {
		if n := in(b); m.Lookup(n) != nil {
			return n, true
		}
	}
	if f.spelling.rankFirst {
		return in("weight"), false
	}
	return in(""), false
}

// findPairs pairs the factors of a tree. What a person should know of the
// others is returned as warnings.
func findPairs(m *manifest.Manifest, tree, sep string) (pairs []Pair, warnings []string) {
	halves := map[string][2]*factor{}
	var keys, odd []string
	for i := range m.Tensors {
		t := &m.Tensors[i]
		f, ok := asFactor(t, sep)
		if !ok {
			if strings.Contains(strings.ToLower(t.Name), "lora") {
				odd = append(odd, t.Name)
			}
			continue
		}
		h, known := halves[f.key]
		if !known {
			keys = append(keys, f.key)
		}
		if f.isB {
			h[1] = &f
		} else {
			h[0] = &f
		}
		halves[f.key] = h
	}
	for _, k := range keys {
		a, b := halves[k][0], halves[k][1]
		switch {
		case a == nil:
			warnings = append(warnings, fmt.Sprintf("%q has no partner %s: half of a LoRA pair cannot be merged", b.tensor.Name, b.spelling.a))
		case b == nil:
			warnings = append(warnings, fmt.Sprintf("%q has no partner %s: half of a LoRA pair cannot be merged", a.tensor.Name, a.spelling.b))
		default:
			p := Pair{Tree: tree, A: fullName(a.tensor.Path), B: fullName(b.tensor.Path), ShapeA: a.tensor.Shape, ShapeB: b.tensor.Shape, Rank: rank(a, b)}
			name, inTree := a.base(m, sep)
			if p.Base, p.InTree = name, inTree; inTree {
				p.Base = fullName(m.Lookup(name).Path)
			}
			if p.Rank == nil {
				warnings = append(warnings, fmt.Sprintf("%q of shape %v and %q of shape %v have no rank in common", p.A, p.ShapeA, p.B, p.ShapeB))
			}
			pairs = append(pairs, p)
		}
	}
	if len(odd) > 0 {
		warnings = append(warnings, fmt.Sprintf("%d names mention LoRA and are no factor of a known form: %s", len(odd), some(odd)))
	}
	return pairs, warnings
}

// rank returns the axis that both factors have.
func rank(a, b *factor) *int {
	x, y := a.tensor.Shape, b.tensor.Shape
	switch {
	case len(x) == 0 || len(y) == 0:
		return nil
	case a.spelling.rankFirst:
		if len(y) < 2 || x[0] != y[1] {
			return nil
		}
		return &x[0]
	case !slices.Contains(y, x[len(x)-1]):
		return nil
	}
	return &x[len(x)-1]
}

// some quotes the first few names.
func some(names []string) string {
	q := make([]string, min(3, len(names)))
	for i := range q {
		q[i] = fmt.Sprintf("%q", names[i])
	}
	s := strings.Join(q, ", ")
	if n := len(names) - len(q); n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
