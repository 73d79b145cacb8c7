package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// A delta travels with its plan, and Check refuses one that cannot be worked
// out.
func TestDelta(t *testing.T) {
	m := plan.Manifests{"s": {Tensors: []manifest.Tensor{
		{Name: "a", DType: tensor.Float32, Shape: tensor.Shape{3, 2}}, {Name: "b", DType: tensor.Float32, Shape: tensor.Shape{2, 4}},
	}}}
	src := func(name string) *plan.Source { return &plan.Source{From: "s", Name: name} }
	make := func() *plan.Plan {
		return &plan.Plan{
			Version: plan.Version, Sources: []string{"s"}, Output: plan.Output{Format: "peft", File: "adapter_model.safetensors"},
			Tensors: []plan.Tensor{
				{Name: "A", DType: tensor.Float32, Shape: tensor.Shape{3, 2}, Expr: src("a")},
				{Name: "B", DType: tensor.Float32, Shape: tensor.Shape{2, 4}, Expr: src("b")},
			},
			Deltas: []plan.Delta{{Module: "m", Shape: tensor.Shape{3, 4}, Bases: []plan.Base{{Name: "w", Shape: tensor.Shape{3, 4}}}, Expr: &plan.Merge{
				Base: &plan.Source{Name: "w"}, Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "d r, r f -> d f", Scale: 2}},
			}}},
		}
	}
	p := make()
	if ds := plan.Check(p, m); len(ds) > 0 {
		t.Fatal(ds)
	}
	b, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	const line = `{"delta":"m","shape":[3,4],"bases":[{"name":"w","shape":[3,4]}],"expr":{"op":"merge","base":{"op":"source","from":"","name":"w"},"terms":[{"a":{"op":"source","from":"s","name":"a"},"b":{"op":"source","from":"s","name":"b"},"einsum":"d r, r f -> d f","scale":2}]}}` + "\n"
	if !strings.HasSuffix(string(b), line) {
		t.Errorf("encoded as\n%s", b)
	}
	again, err := plan.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p.Deltas, again.Deltas); d != "" {
		t.Error(d)
	}
	for name, tt := range map[string]struct {
		change func(*plan.Plan)
		want   string
	}{
		"shape":          {func(p *plan.Plan) { p.Deltas[0].Shape = tensor.Shape{4, 3} }, "shape [4, 3], its expression gives [3, 4]"},
		"no base":        {func(p *plan.Plan) { p.Deltas[0].Bases = nil }, `has no parameter "w"`},
		"negative base":  {func(p *plan.Plan) { p.Deltas[0].Bases[0].Shape = tensor.Shape{-3, -4} }, "delta of \"m\""},
		"unknown factor": {func(p *plan.Plan) { p.Deltas[0].Expr.(*plan.Merge).Terms[0].A = src("c") }, `source "s" has no parameter "c"`},
		"twice":          {func(p *plan.Plan) { p.Deltas = append(p.Deltas, p.Deltas[0]) }, "stands twice"},
		"nothing":        {func(p *plan.Plan) { p.Deltas[0].Expr = nil }, "delta of \"m\""},
	} {
		p := make()
		tt.change(p)
		ds := plan.Check(p, m)
		if len(ds) == 0 || ds[0].Code != plan.CodePlan || !strings.Contains(ds[0].Detail, tt.want) {
			t.Errorf("%s: %v", name, ds)
		}
	}
}
