package rules

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

var mutations = map[string]func(*manifest.Manifest, int){
	"remove": func(m *manifest.Manifest, i int) { m.Tensors = append(m.Tensors[:i], m.Tensors[i+1:]...) },
	"rename": func(m *manifest.Manifest, i int) { m.Tensors[i].Name += "x" },
	"move":   func(m *manifest.Manifest, i int) { m.Tensors[i].Name = "y" + m.Tensors[i].Name },
	"add": func(m *manifest.Manifest, i int) {
		t := m.Tensors[i]
		t.Name += "_extra"
		m.Tensors = append(m.Tensors, t)
	},
	"widen": func(m *manifest.Manifest, i int) {
		s := append(tensor.Shape{}, m.Tensors[i].Shape...)
		s[len(s)-1]++
		m.Tensors[i].Shape = s
	},
	"lengthen": func(m *manifest.Manifest, i int) {
		s := append(tensor.Shape{}, m.Tensors[i].Shape...)
		s[0]++
		m.Tensors[i].Shape = s
	},
	"middle": func(m *manifest.Manifest, i int) {
		s := append(tensor.Shape{}, m.Tensors[i].Shape...)
		s[len(s)/2]++
		m.Tensors[i].Shape = s
	},
	"drop axis": func(m *manifest.Manifest, i int) { m.Tensors[i].Shape = m.Tensors[i].Shape[1:] },
	"integers":  func(m *manifest.Manifest, i int) { m.Tensors[i].DType = tensor.Int32 },
}

// elsewhere lists mutations that are seen, though not under the leaf's own
// name, because these checkpoints of one parameter a layer have no other that
// tells.
var elsewhere = map[string]string{
	"cycle.apart_adapter remove decoder/layers/layers_5/self_attention/value/kernel":           `block "layer" stands 12 times`,
	"cycle.apart_adapter remove decoder/layers_remainder/layers_1/self_attention/value/kernel": `block "layer" stands 13 times`,
	"cycle remove decoder/layers/layers_5/self_attention/value/kernel":                         `block "layer" stands 12 times`,
	"cycle remove decoder/layers_remainder/layers_1/self_attention/value/kernel":               `block "layer" stands 13 times`,
	"query.apart_base_scanned_adapter remove decoder/layers_2/self_attention/query/kernel":     "kernel_lora_a in source \"ad\", shape [6, 3, 5]: 30 of 90 elements are neither used nor dropped",
	"query.scanned_base_apart_adapter remove decoder/layers/self_attention/query/kernel":       "has nothing at decoder/layers or decoder/layers_{l}",
	// Another legal model: what was the head is now the embedding.
	"tied_head.untied remove decoder/logits_dense/kernel": "",
}

// Every leaf of every golden, mutated: refused with the leaf (or its layer)
// named, or what the plan says it detected or drops changes.
func TestMutations(t *testing.T) {
	cases, _ := filepath.Glob("testdata/*.json")
	n := 0
	for _, path := range cases {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		table, _, _ := strings.Cut(name, ".")
		rows := readTable(t, table)
		base, _ := readCheckpoint(t, name).input(rows)
		before, _ := expandAndCheck(t, base)
		for si := range base.Sources {
			for ti := range base.Sources[si].Manifest.Tensors {
				for what, mutate := range mutations {
					in, _ := readCheckpoint(t, name).input(rows)
					m := in.Sources[si].Manifest
					leaf := m.Tensors[ti].Name
					mutate(m, ti)
					m.Sort()
					after, err := expandAndCheck(t, in)
					n++
					switch {
					case err != nil:
						if !names(err, leaf) && !names(err, elsewhere[name+" "+what+" "+leaf]) {
							t.Errorf("%s: %s %s: refused without naming it: %v", name, what, leaf, err)
						}
					case what == "integers": // moved as they are: the output's type says so
						if cmp.Equal(dtypes(before), dtypes(after)) {
							t.Errorf("%s: %s %s: planned without a word", name, what, leaf)
						}
					case cmp.Equal(before.Facts, after.Facts) && cmp.Equal(before.Drops, after.Drops):
						if _, known := elsewhere[name+" "+what+" "+leaf]; known {
							continue
						}
						t.Errorf("%s: %s %s: planned without a word", name, what, leaf)
					}
				}
			}
		}
	}
	if n < 700 {
		t.Errorf("%d mutations were tried; where are the others?", n)
	}
}

// expandAndCheck returns the plan, or every fault of the checkpoint as an error.
func expandAndCheck(t *testing.T, in Input) (*plan.Plan, error) {
	t.Helper()
	res, err := Expand(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Diagnostics.Err(); err != nil {
		return nil, err
	}
	p := planOf(in, res)
	ms := plan.Manifests{}
	for _, s := range in.Sources {
		ms[s.Name] = s.Manifest
	}
	if err := plan.Check(p, ms).Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// names reports whether an error names a leaf, or says that the whole layer is
// absent in which it was alone.
func names(err error, leaf string) bool {
	if leaf == "" {
		return false
	}
	if strings.Contains(err.Error(), leaf) {
		return true
	}
	for i := range leaf {
		if leaf[i] == '/' && strings.Contains(err.Error(), "has nothing at "+leaf[:i]+",") {
			return true
		}
	}
	return false
}

func dtypes(p *plan.Plan) []tensor.DType {
	var out []tensor.DType
	for _, x := range p.Tensors {
		out = append(out, x.DType)
	}
	return out
}
