package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// A fact that is text stands in a target's name, and each adapter is scaled by
// the facts of its own source.
func TestFactsOfSourcesAndText(t *testing.T) {
	table, err := rule.Parse(`
rule "down" {
  source = "down"
  axes   = "f d"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "f r, r d -> f d"
    scale  = alpha / r
  }
  to     = "d f"
  target = "{spelling}.down.weight"
}
`, "facts.hcl")
	if err != nil {
		t.Fatal(err)
	}
	of := func(tensors map[string]tensor.Shape) *manifest.Manifest {
		m := &manifest.Manifest{}
		for n, s := range tensors {
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, DType: tensor.Float32, Shape: s})
		}
		m.Sort()
		return m
	}
	factors := of(map[string]tensor.Shape{"down_lora_a": {6, 2}, "down_lora_b": {2, 4}})
	alphas := map[string]float64{"one": 3, "two": 8}
	in := Input{
		Table: table, Method: "merge", DType: "float32",
		Facts: map[string]cty.Value{"spelling": cty.StringVal("model.inner"), "alpha": cty.NumberIntVal(1000)},
		PerSource: func(s string) map[string]cty.Value {
			return map[string]cty.Value{"alpha": cty.NumberFloatVal(alphas[s])}
		},
		Sources: []sdk.Source{
			{Name: "base", Weight: 1, Manifest: of(map[string]tensor.Shape{"down": {6, 4}})},
			{Name: "one", Weight: 1, Manifest: factors}, {Name: "two", Weight: 0.5, Manifest: factors},
		},
	}
	res, err := Expand(in)
	if err != nil || res.Diagnostics.HasErrors() {
		t.Fatal(err, res.Diagnostics)
	}
	p := planOf(in, res)
	if len(p.Tensors) != 1 || p.Tensors[0].Name != "model.inner.down.weight" {
		t.Fatal(text(p))
	}
	m := p.Tensors[0].Expr.(*plan.Rearrange).X.(*plan.Merge)
	var scales []float32
	for _, x := range m.Terms {
		scales = append(scales, x.Scale)
	}
	if d := cmp.Diff([]float32{1.5, 2}, scales); d != "" { // 3/2, and 0.5 * 8/2
		t.Errorf("%s\n%s", d, text(p))
	}
}

// A letter of which each instance of a block has a size of its own is one fact
// with every size, and each size is checked within its instance alone.
func TestOwnSizes(t *testing.T) {
	table := readTable(t, "own")
	in, _ := readCheckpoint(t, "own").input(table)
	p, err := expandAndCheck(t, in)
	if err != nil {
		t.Fatal(err)
	}
	var got []plan.Fact
	for _, f := range p.Facts {
		if f.Name == "head dim" {
			got = append(got, f)
		}
	}
	want := []plan.Fact{{Name: "head dim", Value: "3 or 5", From: "decoder/blocks/local_layers/query/kernel and 1 more; decoder/blocks/global_layer/query/kernel and 1 more"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	in, _ = readCheckpoint(t, "own").input(table)
	in.Sources[0].Manifest.Lookup("decoder/blocks/local_layers/query_norm/scale").Shape[0] = 5 // the other layers' size
	_, err = expandAndCheck(t, in)
	if err == nil || !names(err, "decoder/blocks/local_layers/query_norm/scale has h (head dim) = 5, but decoder/blocks/local_layers/query/kernel") {
		t.Errorf("a size of another layer was taken: %v", err)
	}
}
