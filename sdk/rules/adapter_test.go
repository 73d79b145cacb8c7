package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// One expert's target is left without its LoRA: the factor that all experts
// share is merged by the others and so is not dropped; its own is.
func TestSharedFactorIsNotDropped(t *testing.T) {
	in, _ := readCheckpoint(t, "experts").input(readTable(t, "experts"))
	no := false
	in.Targets = []sdk.TargetRule{{Name: "keep", Match: []string{"model.layers.1.experts.3.*.weight"}, Merge: &no}}
	p, err := expandAndCheck(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Drops) != 1 || p.Drops[0].String() != `"decoder/layers/MoeBlock_0/wi_0_lora_b"[:, 1, 3]` {
		t.Errorf("drops: %v", p.Drops)
	}
}

// Adapters that fit a base in no way, or in two.
func TestAdapterFaults(t *testing.T) {
	const q = "/self_attention/query/kernel"
	for _, c := range []struct {
		name   string
		change func(map[string]tensor.Shape)
		want   string
	}{
		{"in both forms", func(m map[string]tensor.Shape) {
			m["decoder/layers"+q+"_lora_a"], m["decoder/layers"+q+"_lora_b"] = tensor.Shape{6, 3, 5}, tensor.Shape{5, 3, 8}
		}, "A parameter has its LoRA twice: decoder/layers" + q + " has the factors decoder/layers" + q + "_lora_a and decoder/layers_0" + q + "_lora_a; the runtime uses one form only"},
		{"half a pair", func(m map[string]tensor.Shape) { delete(m, "decoder/layers_1"+q+"_lora_b") },
			"A LoRA factor has no partner: decoder/layers_1" + q + "_lora_a is there, decoder/layers_1" + q + "_lora_b is not: the pair cannot be merged and dropping it would lose the fine-tuning"},
		{"a layer too many", func(m map[string]tensor.Shape) {
			m["decoder/layers_3"+q+"_lora_a"], m["decoder/layers_3"+q+"_lora_b"] = tensor.Shape{6, 5}, tensor.Shape{5, 8}
		}, "A source parameter is used by nothing: decoder/layers_3" + q + "_lora_a [6, 5] in source \"ad\": no row knows it"},
		{"ranks differ", func(m map[string]tensor.Shape) { m["decoder/layers_2"+q+"_lora_a"] = tensor.Shape{6, 4} },
			"A parameter's shape does not fit: decoder/layers_2" + q + "_lora_a has r = 4, but decoder/layers_2" + q + "_lora_b has 5 (row \"query\")"},
	} {
		cp := readCheckpoint(t, "query.scanned_base_apart_adapter")
		c.change(cp.Sources[1].Tensors)
		in, _ := cp.input(readTable(t, "query"))
		if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n  %v\nwanted\n  %s", c.name, err, c.want)
		}
	}
}

// A weight of nought is a weight.
func TestWeightOfAdapter(t *testing.T) {
	cp := readCheckpoint(t, "query.scanned_base_apart_adapter")
	zero := 0.0
	cp.Sources[1].Weight = &zero
	in, _ := cp.input(readTable(t, "query"))
	p, err := expandAndCheck(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if s := text(p); !strings.Contains(s, `"d r, r (n half_two) -> d n half_two", 0)`) {
		t.Error(s)
	}
}

// A rule of the conversion scales what it matches, in both methods, and a
// weight of nought stands beside no other in one module.
func TestScaleOfTargetRule(t *testing.T) {
	half := 0.5
	in, _ := readCheckpoint(t, "query.scanned_base_apart_adapter").input(readTable(t, "query"))
	in.Targets = []sdk.TargetRule{{Name: "less", Match: []string{"model.layers.1.**"}, Scale: &half}}
	res, err := Expand(in)
	if err != nil || res.Diagnostics.HasErrors() {
		t.Fatal(err, res.Diagnostics)
	}
	if d := cmp.Diff(map[string]int{"less": 1}, res.RulesHit); d != "" {
		t.Error(d)
	}
	var scales []float32
	for i := range res.Tensors {
		for _, term := range res.Tensors[i].Expr.(*plan.Affine).X.(*plan.Rearrange).X.(*plan.Merge).Terms {
			scales = append(scales, term.Scale)
		}
	}
	if d := cmp.Diff([]float32{2, 1, 2}, scales); d != "" { // alpha 10, rank 5
		t.Error(d)
	}

	row := "  source = \"w\"\n  axes = \"d h\"\n  lora {\n    a = \"a\"\n    b = \"b\"\n    einsum = \"d r, r h -> d h\"\n    scale = alpha / r\n  }\n  to = \"h d\"\n  target = \"m.weight\""
	lora := map[string]tensor.Shape{"a": {3, 2}, "b": {2, 5}}
	in, _ = exportInput(t, row, map[string]tensor.Shape{"w": {3, 5}}, lora, lora)
	in.Targets = []sdk.TargetRule{{Name: "less", MatchRegex: "^m", Scale: &half}}
	if res, err := Expand(in); err != nil || len(res.Modules) != 1 || res.Modules[0].Alpha != 12 { // 0.5 * 12/2 * rank 4
		t.Errorf("%v, %v", res, err)
	}
	in.Sources[2].Weight = 0
	if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), "a, m.weight: one of its adapters has scale 0, another has not; leave that one out") {
		t.Error(err)
	}
}
