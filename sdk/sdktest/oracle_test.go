package sdktest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

func array(shape tensor.Shape, values ...float64) Array { return Array{shape, values} }

// Each expression's values were worked out by hand.
func TestEvaluate(t *testing.T) {
	c := NewCheckpoint(0).
		Set("w", tensor.Float32, array(tensor.Shape{2, 3}, 1, 2, 3, 4, 5, 6)).
		Set("a", tensor.Float32, array(tensor.Shape{2, 1}, 10, 20)).
		Set("b", tensor.Float32, array(tensor.Shape{1, 3}, 1, 0, -1)).
		Set("b2", tensor.Float32, array(tensor.Shape{2, 1, 3}, 1, 1, 1, 0, 1, 2)). // [m, r, d]
		Set("stack", tensor.Float32, array(tensor.Shape{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8))
	w := func() *plan.Source { return &plan.Source{From: "ft", Name: "w"} }
	term := func(b, einsum string) plan.Term {
		return plan.Term{A: &plan.Source{From: "ft", Name: "a"}, B: &plan.Source{From: "ft", Name: b}, Einsum: einsum, Scale: 0.5}
	}
	for _, tt := range []struct {
		name string
		x    plan.Expr
		want Array
	}{
		{"source", w(), array(tensor.Shape{2, 3}, 1, 2, 3, 4, 5, 6)},
		{"index", &plan.Source{From: "ft", Name: "stack", Index: []plan.At{{Axis: 1, Pos: 1}}}, array(tensor.Shape{2, 2}, 3, 4, 7, 8)},
		// 0.5 * [10, 20]ᵀ [1, 0, -1] is [[5, 0, -5], [10, 0, -10]].
		{"merge", &plan.Merge{Base: w(), Terms: []plan.Term{term("b", "i r, r o -> i o")}}, array(tensor.Shape{2, 3}, 6, 2, -2, 14, 5, -4)},
		// b2 summed over m is [1, 2, 3]; 0.5 * [10, 20]ᵀ times it is [[5, 10, 15], [10, 20, 30]].
		{"one-sided sum", &plan.Merge{Base: w(), Terms: []plan.Term{term("b2", "i r, m r d -> i d")}}, array(tensor.Shape{2, 3}, 6, 12, 18, 14, 25, 36)},
		{"two terms", &plan.Merge{Base: w(), Terms: []plan.Term{term("b", "i r, r o -> i o"), term("b2", "i r, m r d -> i d")}}, array(tensor.Shape{2, 3}, 11, 12, 13, 24, 25, 26)},
		{"transpose", &plan.Rearrange{X: w(), Pattern: "i o -> o i"}, array(tensor.Shape{3, 2}, 1, 4, 2, 5, 3, 6)},
		{"split", &plan.Rearrange{X: &plan.Rearrange{X: w(), Pattern: "i o -> (i o)"}, Pattern: "(x y) -> y x", Sizes: map[string]int{"x": 2}}, array(tensor.Shape{3, 2}, 1, 4, 2, 5, 3, 6)},
		{"concat", &plan.Concat{Xs: []plan.Expr{w(), &plan.Fill{Shape: tensor.Shape{2, 1}, Value: 9}}, Axis: 1}, array(tensor.Shape{2, 4}, 1, 2, 3, 9, 4, 5, 6, 9)},
		{"slice", &plan.Slice{X: w(), Axis: 1, Start: 1, Size: 2}, array(tensor.Shape{2, 2}, 2, 3, 5, 6)},
		{"factor and offset", &plan.Affine{X: w(), Mul: 2, Add: 1}, array(tensor.Shape{2, 3}, 3, 5, 7, 9, 11, 13)},
		{"divisor", &plan.Affine{X: w(), Div: 4}, array(tensor.Shape{2, 3}, 0.25, 0.5, 0.75, 1, 1.25, 1.5)},
	} {
		p := &plan.Plan{Tensors: []plan.Tensor{{Name: "t", Shape: tt.want.Shape, Expr: tt.x}}}
		got, err := Evaluate(p, map[string]*Checkpoint{"ft": c})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if d := cmp.Diff(tt.want, got["t"]); d != "" {
			t.Errorf("%s:\n%s", tt.name, d)
		}
	}
	// A grouped axis of the base, which the operands settle: n = 2, h = 3 of 6.
	c.Set("flat", tensor.Float32, array(tensor.Shape{1, 6}, 0, 0, 0, 0, 0, 0)).
		Set("fa", tensor.Float32, array(tensor.Shape{1, 1}, 2)).
		Set("fb", tensor.Float32, array(tensor.Shape{1, 2, 3}, 1, 2, 3, 4, 5, 6))
	p := &plan.Plan{Tensors: []plan.Tensor{{Name: "t", Shape: tensor.Shape{1, 6}, Expr: &plan.Merge{Base: &plan.Source{From: "ft", Name: "flat"},
		Terms: []plan.Term{{A: &plan.Source{From: "ft", Name: "fa"}, B: &plan.Source{From: "ft", Name: "fb"}, Einsum: "d r, r n h -> d (n h)", Scale: 1}}}}}}
	got, err := Evaluate(p, map[string]*Checkpoint{"ft": c})
	if err != nil || !cmp.Equal(got["t"].Values, []float64{2, 4, 6, 8, 10, 12}) {
		t.Errorf("%v %v", got, err)
	}
	for name, x := range map[string]plan.Expr{
		"no such source":    &plan.Source{From: "other", Name: "w"},
		"no such parameter": &plan.Source{From: "ft", Name: "x"},
		"out of range":      &plan.Slice{X: w(), Axis: 1, Start: 2, Size: 2},
		"other shape":       w(),
	} {
		if got, err := Evaluate(&plan.Plan{Tensors: []plan.Tensor{{Name: "t", Shape: tensor.Shape{2, 2}, Expr: x}}}, map[string]*Checkpoint{"ft": c}); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The same calls give the same bytes, and what a type cannot hold is refused.
func TestCheckpoint(t *testing.T) {
	var files [2][]byte
	for i := range files {
		dir := t.TempDir()
		c := NewCheckpoint(7).Add("x/w", tensor.BFloat16, 3, 5).Add("x/b", tensor.Float16, 5).Add("n", tensor.Float32)
		if err := c.WriteSafetensors(dir); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(filepath.Join(dir, "model.safetensors")); err != nil {
			t.Fatal(err)
		}
		if m := c.Manifest(); len(m.Tensors) != 3 || m.Tensors[0].Name != "n" || m.Bytes() != 4+10+30 {
			t.Errorf("%+v", m)
		}
	}
	if string(files[0]) != string(files[1]) {
		t.Error("two of the same checkpoint differ")
	}
	if err := NewCheckpoint(0).Set("x", tensor.BFloat16, array(tensor.Shape{1}, 1.001)).WriteSafetensors(t.TempDir()); err == nil {
		t.Error("1.001 is written as bfloat16")
	}
	if err := NewCheckpoint(0).Set("x", tensor.Float32, array(tensor.Shape{1}, 0.1)).WriteSafetensors(t.TempDir()); err == nil {
		t.Error("0.1 is written as float32")
	}
}
