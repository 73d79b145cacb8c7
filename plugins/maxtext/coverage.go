package maxtext

import (
	"fmt"
	"regexp"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/sdk"
)

// Coverage is what a tree's LoRA covers.
type Coverage struct {
	Modules   []Covered
	Alpha     *float64 // nil where the checkpoint does not say it
	AlphaFrom string
	Remark    string // what does not fit together, if anything
}

// Covered is a module, in one or in several layers.
type Covered struct {
	Module string // its name, with * for the number of a layer
	Layers int    // that have a pair; 1 for a module outside of the layers
	Ranks  []int  // distinct, ascending
}

// oneLayer is the number in a name, or the element of a list, that says which
// layer a parameter is of.
var oneLayer = regexp.MustCompile(`(^|/)((?:dense_|moe_)?layers?)([_/])[0-9]+(/|$)`)

// Cover tells which modules have LoRA, in how many layers, and where alpha
// stands; nil where nothing speaks of LoRA in MaxText's way.
func Cover(m *manifest.Manifest) *Coverage {
	l := readLayout(&sdk.Source{Manifest: m})
	md, err := readMetadata(m.Metadata)
	if err != nil || md.Lora == nil && !l.lora() {
		return nil
	}
	c := &Coverage{AlphaFrom: "not in the checkpoint: a spec says it, as lora { alpha = 32 }"}
	if md.Lora != nil && md.Lora.Alpha != nil {
		c.Alpha, c.AlphaFrom = md.Lora.Alpha, "the checkpoint's metadata"
	}
	if !l.lora() {
		c.Remark = "its metadata has the settings of a LoRA, but no parameter is a LoRA factor: the run trained none, or saved it elsewhere"
		return c
	}
	by := map[string]*Covered{}
	for _, t := range l.params.Tensors {
		name := t.Name[len(l.root):]
		loc := factorA.FindStringIndex(name)
		if loc == nil || len(t.Shape) == 0 {
			continue
		}
		stem := name[:loc[0]]
		module := oneLayer.ReplaceAllString(stem, "$1$2$3*$4")
		if by[module] == nil {
			by[module] = &Covered{Module: module}
		}
		layers := 1
		if module == stem && stackedLayer.MatchString(name) {
			axis := max(l.axis, 0)
			if l.axis < 0 {
				axis = 1 // MaxText's own default
			}
			if axis < len(t.Shape) {
				layers = t.Shape[axis]
			}
		}
		by[module].Layers += layers
		if r := t.Shape[len(t.Shape)-1]; !slices.Contains(by[module].Ranks, r) {
			by[module].Ranks = append(by[module].Ranks, r)
			sort.Ints(by[module].Ranks)
		}
	}
	for _, k := range by {
		c.Modules = append(c.Modules, *k)
	}
	sort.Slice(c.Modules, func(i, j int) bool { return c.Modules[i].Module < c.Modules[j].Module })
	if md.Lora != nil && md.Lora.Rank != nil {
		for _, k := range c.Modules {
			if !slices.Equal(k.Ranks, []int{int(*md.Lora.Rank)}) {
				c.Remark = fmt.Sprintf("its metadata says lora_rank %v, but %s has %v", *md.Lora.Rank, k.Module, k.Ranks)
			}
		}
	}
	return c
}
