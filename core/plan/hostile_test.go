package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Plans that a plugin might send to wear the host down. What is asserted is
// the count of work done, not time.
func TestHostilePlansAreBounded(t *testing.T) {
	m := Manifests{"s": {Tensors: []manifest.Tensor{
		{Name: "cube", DType: tensor.Float32, Shape: tensor.Shape{4096, 4096, 4096}},
		{Name: "line", DType: tensor.Float32, Shape: tensor.Shape{1 << 30}},
	}}}
	line := func(x Expr, n int, s ...int) *Plan {
		p := &Plan{Version: Version, Sources: []string{"s"}, Output: Output{File: "o"}}
		for i := range n {
			p.Tensors = append(p.Tensors, Tensor{Name: fmt.Sprint(i), DType: tensor.Float32, Shape: s, Expr: x})
		}
		return p
	}
	// One row of one expression cut into as many pieces as it may be, then all
	// but one thrown away; and that many times.
	comb := &Slice{Axis: 0, Start: 0, Size: 1, X: &Rearrange{
		X:       &Slice{X: &Source{From: "s", Name: "line"}, Axis: 0, Start: 1, Size: 1<<14 - 3},
		Pattern: "(a b) -> b a", Sizes: map[string]int{"b": 16381}}}
	var cuts []Expr
	for i := range 1000 {
		cuts = append(cuts, &Slice{X: &Source{From: "s", Name: "cube"}, Axis: i % 3, Start: i, Size: 1})
	}
	grid := &Plan{Version: Version, Sources: []string{"s"}, Output: Output{File: "o"}}
	for i, x := range cuts {
		s := tensor.Shape{4096, 4096, 4096}
		s[i%3] = 1
		grid.Tensors = append(grid.Tensors, Tensor{Name: fmt.Sprint(i), DType: tensor.Float32, Shape: s, Expr: x})
	}
	var many []Expr
	for range 200_000 {
		many = append(many, &Slice{X: &Source{From: "s", Name: "line"}, Axis: 0, Start: 3, Size: 1})
	}
	for _, c := range []struct {
		name string
		p    *Plan
		want string
	}{
		{"comb", line(comb, 3000, 1, 1), ""},
		{"grid", grid, "cuts its sources too finely"},
		{"many parts", line(&Concat{Xs: many}, 1, 200_000), "cuts its sources too finely"},
		{"many lines", line(&Concat{Xs: many[:10_000]}, 500, 10_000), "as a whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &checker{p: c.p, m: m, ledger: newLedger(m)}
			k.run()
			if err := k.ds.Error(); err == "" || !strings.Contains(err, c.want) {
				t.Errorf("%.200s, wanted %s", err, c.want)
			}
			b := k.ledger.budget
			if b.work < 0 || b.kept < 0 || b.marks < 0 {
				t.Errorf("overdrawn: %+v", b)
			}
			if len(k.ds) > maxFaults+1 {
				t.Errorf("%d faults were kept", len(k.ds))
			}
		})
	}
}

// Faults without end end.
func TestFaultsAreBounded(t *testing.T) {
	p := good()
	for i := range 100_000 {
		p.Tensors = append(p.Tensors, Tensor{Name: fmt.Sprint("x", i), Expr: src("nope")})
	}
	ds := Check(p, small())
	if len(ds) != maxFaults+1 {
		t.Errorf("%d diagnostics", len(ds))
	}
	if !strings.Contains(ds.Error(), "More faults than are reported: the first 1000 are shown; the check stopped there") {
		t.Error("the cut is not said")
	}
}

func TestLabelsThatOverflow(t *testing.T) {
	m := Manifests{"s": {Tensors: []manifest.Tensor{{Name: "z", DType: tensor.Float32, Shape: tensor.Shape{0, 1 << 40, 1 << 40}}}}}
	x := &Rearrange{X: &Source{From: "s", Name: "z"}, Pattern: "a b c -> (b c) a"}
	if _, err := Infer(x, m); err == nil {
		t.Error("2^80 elements along one axis passed")
	}
}

// FuzzCheck reads a plan and checks it against a fixed manifest: no panic, and
// no more work than the budget.
func FuzzCheck(f *testing.F) {
	if b, err := Encode(good()); err == nil {
		f.Add(b)
	}
	for _, x := range []Expr{
		&Concat{Xs: []Expr{src("e"), src("e")}, Axis: 1},
		&Slice{X: &Rearrange{X: src("e"), Pattern: "(a b) c -> b (a c)", Sizes: map[string]int{"b": 5}}, Axis: 1, Start: 1, Size: 5},
		&Affine{X: &Fill{Shape: tensor.Shape{2, 3}, Value: 1}, Mul: 2, Add: 1},
		&Merge{Base: src("w", 0), Terms: []Term{{A: src("a", 0), B: src("b", 0), Einsum: "d r, r h -> d h", Scale: 1}}},
	} {
		p := good()
		p.Tensors = []Tensor{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{10, 8}, Expr: x}}
		p.Files = []File{{From: "s", Path: "a", To: "b"}}
		p.Documents = []Document{{Path: "c", Content: "{}"}}
		p.Facts = []Fact{{Name: "n", Value: "v", From: "f"}}
		if b, err := Encode(p); err == nil {
			f.Add(b)
		}
	}
	m := small()
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		k := &checker{p: p, m: m, ledger: newLedger(m)}
		k.run()
		if len(k.ds) > maxFaults+1 {
			t.Fatalf("%d faults", len(k.ds))
		}
		for i := range p.Tensors {
			Explain(&p.Tensors[i], m)
		}
		Normalize(p)
		again := Check(p, m)
		if !k.ds.HasErrors() && again.HasErrors() {
			t.Fatalf("normal form breaks a good plan: %v", again)
		}
	})
}
