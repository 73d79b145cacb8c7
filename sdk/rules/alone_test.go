package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// aloneTable has what an adapter alone does not tell: heads that its factors
// are flat over, and layers that are numbered behind those of another block.
const aloneTable = `
letters = {
  n    = "heads"
  half = "rotary pairs"
  d    = "width"
}

block "dense" {
  at "dense" { stack = "a" }
  at "dense_{a}" {}
}

block "moe" {
  at "moe" { stack = "b" }
  at "moe_{b}" {}
}

rule "dense_query" {
  source = "{dense}/q"
  axes   = "d n (half two)"
  size   = { two = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = alpha / r
  }
  mul    = sqrt(2 * half)
  to     = "(n two half) d"
  target = "layers.{a}.q.weight"
}

rule "moe_query" {
  source = "{moe}/q"
  axes   = "d n (half two)"
  size   = { two = 2 }
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = alpha / r
  }
  to     = "(n two half) d"
  target = "layers.{count(dense) + b}.q.weight"
}
`

func aloneManifest(shapes map[string]tensor.Shape) *manifest.Manifest {
	m := &manifest.Manifest{}
	for n, s := range shapes {
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, DType: tensor.Float32, Shape: s})
	}
	m.Sort()
	return m
}

func aloneInput(t *testing.T, lora map[string]tensor.Shape) Input {
	t.Helper()
	table, err := rule.Parse(aloneTable, "alone")
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Table: table, Method: "adapter", DType: "float32", Alone: true,
		Facts:   map[string]cty.Value{"alpha": cty.NumberIntVal(12)},
		Known:   map[string]Known{"heads": {3, "the template"}, "rotary pairs": {2, "the template"}, "width": {5, "the template"}},
		Counts:  map[string]Known{"dense": {2, "the template"}, "moe": {3, "the template"}},
		Sources: []sdk.Source{{Name: "ad", Weight: 1, Manifest: aloneManifest(lora)}},
	}
}

// Whatever an adapter covers, its factors are those that it has beside its
// base, whose meaning other tests hold against the einsum's definition.
func TestAloneAsBesideItsBase(t *testing.T) {
	base := map[string]tensor.Shape{"dense/q": {5, 2, 3, 4}, "moe/q": {5, 3, 3, 4}}
	all := map[string]tensor.Shape{
		"dense/q_lora_a": {5, 2, 7}, "dense/q_lora_b": {7, 2, 12},
		"moe/q_lora_a": {5, 3, 7}, "moe/q_lora_b": {7, 3, 12},
	}
	apart := map[string]tensor.Shape{"moe_2/q_lora_a": {5, 7}, "moe_2/q_lora_b": {7, 12}, "dense_1/q_lora_a": {5, 7}, "dense_1/q_lora_b": {7, 12}}
	for name, lora := range map[string]map[string]tensor.Shape{
		"all": all, "apart": apart,
		"one block":      {"moe/q_lora_a": all["moe/q_lora_a"], "moe/q_lora_b": all["moe/q_lora_b"]},
		"one layer only": {"moe_2/q_lora_a": {5, 7}, "moe_2/q_lora_b": {7, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			in := aloneInput(t, lora)
			got, err := Expand(in)
			if err != nil || got.Diagnostics.HasErrors() {
				t.Fatal(err, got.Diagnostics)
			}
			beside := aloneInput(t, lora)
			beside.Alone, beside.Known, beside.Counts = false, nil, nil
			beside.Sources = []sdk.Source{{Name: "base", Weight: 1, Manifest: aloneManifest(base)}, beside.Sources[0]}
			want, err := Expand(beside)
			if err != nil || want.Diagnostics.HasErrors() {
				t.Fatal(err, want.Diagnostics)
			}
			if len(got.Modules) == 0 {
				t.Error("no module")
			}
			if d := cmp.Diff(want.Modules, got.Modules); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(want.Tensors, got.Tensors); d != "" {
				t.Error(d)
			}
		})
	}
}

// What an adapter alone leaves open, and what contradicts it.
func TestAloneFaults(t *testing.T) {
	good := map[string]tensor.Shape{"moe_1/q_lora_a": {5, 7}, "moe_1/q_lora_b": {7, 12}}
	for _, c := range []struct {
		name   string
		change func(*Input, map[string]tensor.Shape)
		want   string
	}{
		{"heads", func(in *Input, _ map[string]tensor.Shape) { in.Known = nil },
			"A size is not known: moe_1/q_lora_b has shape [7, 12]: axis 1 is (n half two), which an adapter alone does not tell apart; a template or the base model does"},
		{"layers before it", func(in *Input, _ map[string]tensor.Shape) { in.Counts = nil },
			`A size is not known: how many "dense" the whole model has is needed for the names of layers`},
		{"layer too many", func(in *Input, _ map[string]tensor.Shape) { in.Counts["moe"] = Known{1, "the template"} },
			`The adapter is of another model: the template says that block "moe" stands 1 times, and moe_1 is for 2`},
		{"layers too few", func(in *Input, m map[string]tensor.Shape) {
			clear(m)
			m["moe/q_lora_a"], m["moe/q_lora_b"] = tensor.Shape{5, 2, 7}, tensor.Shape{7, 2, 12}
		}, `The adapter is of another model: the template says that block "moe" stands 3 times, and moe is for 2`},
		{"other heads", func(in *Input, _ map[string]tensor.Shape) { in.Known["heads"] = Known{4, "the template"} },
			"axis 1: (n half two) is 12 here, wanted 16; the template has n (heads) = 4"},
		{"other width", func(in *Input, _ map[string]tensor.Shape) { in.Known["width"] = Known{6, "the template"} },
			"moe_1/q_lora_a has d (width) = 5, but the template has 6"},
		{"half a pair", func(_ *Input, m map[string]tensor.Shape) { delete(m, "moe_1/q_lora_a") }, "moe_1/q_lora_a is not"},
		{"unknown", func(_ *Input, m map[string]tensor.Shape) { m["moe_1/k_lora_a"] = tensor.Shape{5, 7} }, "moe_1/k_lora_a [5, 7] in source \"ad\": no row knows it"},
	} {
		m := maps.Clone(good)
		in := aloneInput(t, nil)
		c.change(&in, m)
		in.Sources[0].Manifest = aloneManifest(m)
		res, err := Expand(in)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !slices.ContainsFunc(res.Diagnostics, func(d *diag.Diagnostic) bool { return strings.Contains(d.Error(), c.want) }) {
			t.Errorf("%s:\n  %v\nwanted\n  %s", c.name, res.Diagnostics, c.want)
		}
	}
	in := aloneInput(t, good)
	in.Method = "merge"
	if _, err := Expand(in); err == nil {
		t.Error("merged without a base")
	}
}
