package rules

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/sdktest"
)

// number is the value of a source element: a small whole number, so that all
// arithmetic of these tests is exact.
func number(source, name string, flat int) float64 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%s/%d", source, name, flat)
	return float64(h.Sum32()%17) - 8
}

// numbers evaluates a plan's line.
func numbers(t *testing.T, x *plan.Tensor, ms plan.Manifests) []float64 {
	t.Helper()
	ps, err := plan.Lower(x.Expr, ms)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, x.Shape.Elements())
	for _, p := range ps {
		for i := range p.Elements() {
			src, dst, rest := p.Src, p.Dst, i
			for k := len(p.Dims) - 1; k >= 0; k-- {
				src += rest % p.Dims[k].Size * p.Dims[k].Src
				dst += rest % p.Dims[k].Size * p.Dims[k].Dst
				rest /= p.Dims[k].Size
			}
			v := float64(p.Value)
			if p.Leaf != nil {
				v = number(p.Leaf.Source.From, p.Leaf.Source.Name, src)
			}
			for _, s := range p.Steps {
				switch s.Op {
				case plan.Mul:
					v *= float64(s.V)
				case plan.Div:
					v /= float64(s.V)
				case plan.Add:
					v += float64(s.V)
				}
			}
			out[dst] = v
		}
	}
	return out
}

func exportInput(t *testing.T, row string, sources ...map[string]tensor.Shape) (Input, plan.Manifests) {
	t.Helper()
	table, err := rule.Parse("rule \"row\" {\n"+row+"\n}\n", "rows")
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Table: table, Method: "adapter", DType: "float32", Facts: map[string]cty.Value{"alpha": cty.NumberIntVal(12)}}
	ms := plan.Manifests{}
	for i, tensors := range sources {
		m := &manifest.Manifest{}
		for n, s := range tensors {
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, DType: tensor.Float32, Shape: s})
		}
		m.Sort()
		name := fmt.Sprintf("s%d", i)
		ms[name] = m
		in.Sources = append(in.Sources, sdk.Source{Name: name, Weight: 1 / float64(max(1, i)), Manifest: m})
	}
	return in, ms
}

// Modules whose LoRA is several products. Sizes are d = 3, r = 2, h = 5, and 4
// or 2 of the letter in question; want is the change of element [o, i] of the
// weight, by the einsum's own definition.
func TestExportBlocks(t *testing.T) {
	type shapes = map[string]tensor.Shape
	for _, c := range []struct {
		name, row string
		sources   []shapes
		rank      int
		alpha     float64
		want      func(o, i int) float64
	}{
		{"letter of both factors, in the rows", `
  source = "w"
  axes   = "n d h"
  lora {
    a      = "a"
    b      = "b"
    einsum = "n d r, n r h -> n d h"
    scale  = alpha / r
  }
  mul    = 4
  to     = "(h n) d"
  target = "m.weight"`,
			[]shapes{{"w": {4, 3, 5}, "a": {4, 3, 2}, "b": {4, 2, 5}}}, 8, 48,
			func(o, i int) (v float64) {
				h, n := o/4, o%4
				for r := range 2 {
					v += 4 * 6 * number("s0", "a", (n*3+i)*2+r) * number("s0", "b", (n*2+r)*5+h)
				}
				return v
			}},
		{"letter of both factors, in the columns", `
  source = "w"
  axes   = "n h d"
  lora {
    a      = "a"
    b      = "b"
    einsum = "n h r, n r d -> n h d"
    scale  = alpha / r
  }
  to     = "d (n h)"
  target = "m.weight"`,
			[]shapes{{"w": {4, 5, 3}, "a": {4, 5, 2}, "b": {4, 2, 3}}}, 8, 48,
			func(o, i int) (v float64) {
				n, h := i/5, i%5
				for r := range 2 {
					v += 6 * number("s0", "a", (n*5+h)*2+r) * number("s0", "b", (n*2+r)*3+o)
				}
				return v
			}},
		{"sources side by side, one without LoRA", `
  source = "{s}"
  names  = { s = ["p", "q"] }
  axes   = "s d h"
  lora {
    a      = "{source}_a"
    b      = "{source}_b"
    einsum = "s d r, s r h -> s d h"
    scale  = alpha / r
  }
  to     = "(h s) d"
  target = "m.weight"`,
			[]shapes{{"p": {3, 5}, "q": {3, 5}, "q_a": {3, 2}, "q_b": {2, 5}}}, 2, 12,
			func(o, i int) (v float64) {
				for r := range 2 {
					v += 6 * number("s0", "q_a", i*2+r) * number("s0", "q_b", r*5+o/2)
				}
				return v * float64(o%2)
			}},
		{"sources of different ranks", `
  source = "{s}"
  names  = { s = ["p", "q"] }
  axes   = "s d h"
  lora {
    a      = "{source}_a"
    b      = "{source}_b"
    einsum = "s d r, s r h -> s d h"
    scale  = alpha / r
  }
  to     = "(s h) d"
  target = "m.weight"`,
			[]shapes{{"p": {3, 5}, "q": {3, 5}, "p_a": {3, 1}, "p_b": {1, 5}, "q_a": {3, 2}, "q_b": {2, 5}}}, 3, 36,
			func(o, i int) (v float64) {
				if o < 5 {
					return 12 * number("s0", "p_a", i) * number("s0", "p_b", o)
				}
				for r := range 2 {
					v += 6 * number("s0", "q_a", i*2+r) * number("s0", "q_b", r*5+o-5)
				}
				return v
			}},
		{"two adapters of different weights", `
  source = "w"
  axes   = "d h"
  lora {
    a      = "a"
    b      = "b"
    einsum = "d r, r h -> d h"
    scale  = alpha / r
  }
  div    = 2
  add    = 1
  to     = "h d"
  target = "m.weight"`,
			[]shapes{{"w": {3, 5}}, {"a": {3, 2}, "b": {2, 5}}, {"a": {3, 2}, "b": {2, 5}}}, 4, 24,
			func(o, i int) (v float64) {
				for r := range 2 {
					v += 3 * number("s1", "a", i*2+r) * number("s1", "b", r*5+o)
					v += 1.5 * number("s2", "a", i*2+r) * number("s2", "b", r*5+o)
				}
				return v
			}},
		{"rows of the first factor", `
  source = "w"
  axes   = "d h"
  lora {
    a      = "a"
    b      = "b"
    einsum = "d r, r h -> d h"
    scale  = alpha / r
  }
  to     = "d h"
  target = "m.weight"`,
			[]shapes{{"w": {3, 5}, "a": {3, 2}, "b": {2, 5}}}, 2, 12,
			func(o, i int) (v float64) {
				for r := range 2 {
					v += 6 * number("s0", "a", o*2+r) * number("s0", "b", r*5+i)
				}
				return v
			}},
		{"segments, one of them dropped", `
  source = "w"
  axes   = "d (h + pad)"
  size   = { h = 4 }
  drop   = { pad = "padding" }
  lora {
    a      = "a"
    b      = "b"
    einsum = "d r, r (h + pad) -> d (h + pad)"
    scale  = alpha / r
  }
  to     = "h d"
  target = "m.weight"`,
			[]shapes{{"w": {3, 5}, "a": {3, 2}, "b": {2, 5}}}, 2, 12,
			func(o, i int) (v float64) {
				for r := range 2 {
					v += 6 * number("s0", "a", i*2+r) * number("s0", "b", r*5+o)
				}
				return v
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, ms := exportInput(t, c.row, c.sources...)
			p, err := expandAndCheck(t, in)
			if err != nil {
				t.Fatal(err)
			}
			res, err := Expand(in)
			if err != nil || len(res.Modules) != 1 || len(p.Tensors) != 2 {
				t.Fatalf("%v: %v", res.Modules, err)
			}
			m := res.Modules[0]
			if m.Path != "m" || m.Rank != c.rank || m.Alpha != c.alpha {
				t.Errorf("%+v, wanted rank %d, alpha %v", m, c.rank, c.alpha)
			}
			delta := deltaValues(t, res, ms)
			a, b := &p.Tensors[0], &p.Tensors[1]
			if a.Name != "base_model.model.m.lora_A.weight" || b.Name != "base_model.model.m.lora_B.weight" {
				t.Errorf("%s and %s", a.Name, b.Name)
			}
			av, bv := numbers(t, a, ms), numbers(t, b, ms)
			cols := a.Shape[1]
			for o := range b.Shape[0] {
				for i := range cols {
					got := 0.0
					for r := range m.Rank {
						got += m.Alpha / float64(m.Rank) * bv[o*m.Rank+r] * av[r*cols+i]
					}
					if want := c.want(o, i); got != want || delta.At(o, i) != want {
						t.Fatalf("element [%d, %d] is %v, and %v where it is said what must come out; wanted %v", o, i, got, delta.At(o, i), want)
					}
				}
			}
		})
	}
}

// deltaValues computes what the one module must amount to, over bases of zeros.
func deltaValues(t *testing.T, res *Result, ms plan.Manifests) sdktest.Array {
	t.Helper()
	if len(res.Deltas) != 1 {
		t.Fatalf("%d deltas", len(res.Deltas))
	}
	d := res.Deltas[0]
	sources := map[string]*sdktest.Checkpoint{"": sdktest.NewCheckpoint(0)}
	for _, b := range d.Bases {
		sources[""].Set(b.Name, tensor.Float32, sdktest.Array{Shape: b.Shape, Values: make([]float64, b.Shape.Elements())})
	}
	for name, m := range ms {
		c := sdktest.NewCheckpoint(0)
		for _, x := range m.Tensors {
			v := make([]float64, x.Shape.Elements())
			for i := range v {
				v[i] = number(name, x.Name, i)
			}
			c.Set(x.Name, tensor.Float32, sdktest.Array{Shape: x.Shape, Values: v})
		}
		sources[name] = c
	}
	out, err := sdktest.Evaluate(&plan.Plan{Tensors: []plan.Tensor{{Name: d.Module, Shape: d.Shape, Expr: d.Expr}}}, sources)
	if err != nil {
		t.Fatal(err)
	}
	return out[d.Module]
}

// A module is called as the row says, and then as the plugin spells it, which
// may also say why it takes no adapter.
func TestModules(t *testing.T) {
	row := "  source = \"w\"\n  axes = \"d h\"\n  lora {\n    a = \"a\"\n    b = \"b\"\n    einsum = \"d r, r h -> d h\"\n    scale = alpha / r\n  }\n  to = \"h d\"\n  target = \"m.kernel\"\n  module = \"inner.m\""
	shapes := map[string]tensor.Shape{"w": {3, 5}, "a": {3, 2}, "b": {2, 5}}
	in, _ := exportInput(t, row, shapes)
	res, err := Expand(in)
	if err != nil || len(res.Modules) != 1 || res.Modules[0].Path != "inner.m" {
		t.Errorf("%v, %v", res, err)
	}
	in.Module = func(path string) (string, string) { return "outer." + path, "" }
	res, err = Expand(in)
	if err != nil || len(res.Modules) != 1 || res.Modules[0].Path != "outer.inner.m" || res.Tensors[0].Name != "base_model.model.outer.inner.m.lora_A.weight" {
		t.Errorf("%v, %v", res, err)
	}
	in.Module = func(string) (string, string) { return "", "it is an embedding" }
	if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), "a, m.kernel: it is an embedding") {
		t.Error(err)
	}
}

// What is no product of two matrices beside a weight is refused by name.
func TestExportRefusals(t *testing.T) {
	type shapes = map[string]tensor.Shape
	row := func(axes, einsum, to, target string) string {
		return fmt.Sprintf("  source = \"w\"\n  axes = %q\n  lora {\n    a = \"a\"\n    b = \"b\"\n    einsum = %q\n    scale = alpha / r\n  }\n  to = %q\n  target = %q", axes, einsum, to, target)
	}
	for _, c := range []struct {
		row     string
		sources shapes
		want    string
	}{
		{row("d", "d r, r -> d", "d", "norm.weight"), shapes{"w": {3}, "a": {3, 2}, "b": {2}}, "a, norm.weight: its target has 1 axes"},
		{row("e d h", "d r, r e h -> e d h", "e h d", "experts.weight"), shapes{"w": {4, 3, 5}, "a": {3, 2}, "b": {2, 4, 5}}, "a, experts.weight: its target has 3 axes"},
		{row("e d h", "e d r, r h -> e d h", "(e h) d", "m.weight"), shapes{"w": {4, 3, 5}, "a": {4, 3, 2}, "b": {2, 5}}, "a, m.weight: axis (e h) mixes letters of both factors"},
		{row("d h", "d r, m r h -> d h", "h d", "m.weight"), shapes{"w": {3, 5}, "a": {3, 2}, "b": {4, 2, 5}}, "a, m.weight: letter m is summed over in one factor alone"},
		{row("d h", "d r, r h -> d h", "h d", "m.kernel"), shapes{"w": {3, 5}, "a": {3, 2}, "b": {2, 5}}, "a, m.kernel: it is no linear module's weight"},
	} {
		in, _ := exportInput(t, c.row, c.sources)
		if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwanted %s", err, c.want)
		}
	}
}
