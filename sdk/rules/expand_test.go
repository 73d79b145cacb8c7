package rules

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// What rows mean, element by element and without the plan's own notation: for
// each target position, the position in the source that it must come from.
func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		golden, target string
		from           func(pos []int) (source string, flat int)
	}{
		// gate at even, up at odd columns; source (e, l=1, d=4, f=5).
		{"gate_up", "model.layers.1.mlp.experts.gate_up_proj", func(p []int) (string, int) {
			return []string{"decoder/layers/layers_1/GptOssMlp/wi_0", "decoder/layers/layers_1/GptOssMlp/wi_1"}[p[2]%2], (p[0]*4+p[1])*5 + p[2]/2
		}},
		// q of both heads, then k of both, then v of both; a head has 10 columns.
		{"qkvz", "model.layers.0.linear_attn.in_proj_qkv.weight", func(p []int) (string, int) {
			row, col := p[0], 0
			switch {
			case row < 4:
				col = row/2*10 + row%2
			case row < 8:
				col = (row-4)/2*10 + 2 + (row-4)%2
			default:
				col = (row-8)/3*10 + 4 + (row-8)%3
			}
			return "decoder/layers_0/attention/in_proj_qkvz/kernel", p[1]*20 + col
		}},
		{"qkvz", "model.layers.0.linear_attn.in_proj_z.weight", func(p []int) (string, int) {
			return "decoder/layers_0/attention/in_proj_qkvz/kernel", p[1]*20 + p[0]/3*10 + 7 + p[0]%3
		}},
		// rotary: first halves of the pairs, then second; source (d=6, l=3, n=2, h=4).
		{"query.scanned", "model.layers.2.self_attn.q_proj.weight", func(p []int) (string, int) {
			n, two, half := p[0]/4, p[0]%4/2, p[0]%2
			return "decoder/layers/self_attention/query/kernel", ((p[1]*3+2)*2+n)*4 + half*2 + two
		}},
		{"patch", "patch_embedding.weight", func(p []int) (string, int) {
			return "img/embedding/kernel", ((p[2]*4+p[3])*3+p[1])*5 + p[0]
		}},
		{"cycle", "model.layers.10.self_attn.v_proj.weight", func(p []int) (string, int) { // 10 = 6*1 + 4; (d, j=2, g=2, h=3)
			return "decoder/layers/layers_4/self_attention/value/kernel", ((p[1]*2+1)*2+p[0]/3)*3 + p[0]%3
		}},
		{"parts.scanned", "layers.1.mix", func(p []int) (string, int) { // (w, l=2, p=2), (w, l=2, q=1), (w, l=2, a=2, b=4)
			at := p[1]*2 + 1
			switch row := p[0]; {
			case row < 2:
				return "main/layers/pre", at*2 + row
			case row == 2:
				return "other/layers/post", at
			default:
				return "main/layers/res", at*8 + row - 3
			}
		}},
		{"padded", "lm_head.weight", func(p []int) (string, int) { return "decoder/logits_dense/kernel", p[1]*10 + p[0] }},
	} {
		t.Run(c.golden, func(t *testing.T) {
			table, _, _ := cutName(c.golden)
			in, ms := readCheckpoint(t, c.golden).input(readTable(t, table))
			p, err := expandAndCheck(t, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range p.Tensors {
				if x.Name == c.target {
					compare(t, &x, ms, c.from)
					return
				}
			}
			t.Errorf("no line makes %s", c.target)
		})
	}
}

func cutName(s string) (string, string, bool) {
	for i := range s {
		if s[i] == '.' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func compare(t *testing.T, x *plan.Tensor, ms plan.Manifests, from func([]int) (string, int)) {
	t.Helper()
	ps, err := plan.Lower(x.Expr, ms)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range ps {
		var shape tensor.Shape
		for _, d := range p.Dims {
			shape = append(shape, d.Size)
		}
		for i := range shape.Elements() {
			src, dst, rest := p.Src, p.Dst, i
			for k := len(shape) - 1; k >= 0; k-- {
				src += rest % shape[k] * p.Dims[k].Src
				dst += rest % shape[k] * p.Dims[k].Dst
				rest /= shape[k]
			}
			pos := make([]int, len(x.Shape))
			for k, st := range x.Shape.Strides() {
				pos[k] = dst / st % x.Shape[k]
			}
			name, flat := from(pos)
			if p.Leaf.Source.Name != name || src != flat {
				t.Fatalf("%v comes from %s[%d], wanted %s[%d]", pos, p.Leaf.Source.Name, src, name, flat)
			}
			seen++
		}
	}
	if seen != x.Shape.Elements() {
		t.Errorf("%d of %d elements", seen, x.Shape.Elements())
	}
}

// Faults of a table, not of a checkpoint.
func TestTableFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown name in a source", `rule "q" {
  source = "{nope}/w"
  axes = "d"
  to = "d"
  target = "t"
}`, `rule "q": {nope} in source "{nope}/w" is neither a capture, nor a block, nor a letter with names`},
		{"unknown name in a target", `rule "q" {
  source = "w"
  axes = "a b c"
  to = "a b c"
  target = "t.{z}"
}`, `rule "q": {z} in target "t.{z}": "z" is neither a capture, nor a letter of "a b c", nor one of its block`},
		{"dropped and used", `rule "q" {
  source = "w"
  axes = "a b (c + p)"
  size = { c = 1 }
  drop = { p = "why" }
  to = "a b p"
  target = "t"
}`, `rule "q": letter p is dropped and used`},
		{"dropped, no segment", `rule "q" {
  source = "w"
  axes = "a b c"
  drop = { b = "why" }
  to = "a c"
  target = "t"
}`, `rule "q": letter b is dropped, but is no segment of an axis of "a b c"`},
		{"half a number", `rule "q" {
  source = "w"
  axes = "a b c"
  to = "b c"
  target = "t.{a/2}"
}`, `rule "q": {a/2} in target "t.{a/2}": a/2 is 0.5, wanted a whole number of at least 0`},
		{"a glob", `drop "q" {
  source = "***"
  reason = "why"
}`, `drop "q": pattern "***" has "***": write "*" or "**"`},
		{"unknown in a condition", `rule "q" {
  when = nope
  source = "w"
  axes = "a"
  to = "a"
  target = "t"
}`, `rule "q": "nope" is neither a letter, a capture, a fact nor a definition`},
		{"no such capture", `rule "q" {
  where = { expert = "1" }
  axes = "a"
  size = { a = 2 }
  fill = 0
  to = "a"
  target = "t"
}`, `rule "q": where: the table has no capture "expert" with a value "1"`},
		{"no such value", `capture "expert" {
  value "0" {}
}
rule "q" {
  where = { expert = "1" }
  axes = "a"
  size = { a = 2 }
  fill = 0
  to = "a"
  target = "t"
}`, `rule "q": where: the table has no capture "expert" with a value "1"`},
		{"count too early", `block "layer" {
  at "w_{l}" {}
}
rule "q" {
  when = count(layer) > 1
  source = "w"
  axes = "a"
  to = "a"
  target = "t"
}`, `rule "q": count(layer) > 1: Call to function "count" failed: count(layer) is not known before the parameters are found.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := rule.Parse(c.text, "t.hcl")
			if err != nil {
				t.Fatal(err)
			}
			cp := &checkpoint{}
			cp.Sources = append(cp.Sources, struct {
				Name    string                  `json:"name"`
				Weight  *float64                `json:"weight"`
				Tensors map[string]tensor.Shape `json:"tensors"`
			}{Name: "s", Tensors: map[string]tensor.Shape{"w": {2, 3, 4}}})
			in, _ := cp.input(table)
			_, err = Expand(in)
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzExpand reads a table and expands it over a fixed checkpoint: no panic,
// and what comes out is a plan that the host's check can judge.
func FuzzExpand(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.hcl")
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			f.Add(string(b))
		}
	}
	names := []string{"query.scanned", "cycle", "padded", "qkvz", "gate_up", "experts", "pairs", "kv_qkv", "patch"}
	base := &checkpoint{Facts: map[string]float64{}}
	all := map[string]tensor.Shape{}
	for _, n := range names {
		c := readCheckpoint(f, n)
		for k, v := range c.Facts {
			base.Facts[k] = v
		}
		for k, v := range c.Sources[0].Tensors {
			all[k] = v
		}
		base.Sources = c.Sources[:1]
	}
	base.Sources[0].Tensors = all
	f.Fuzz(func(t *testing.T, text string) {
		table, err := rule.Parse(text, "f.hcl")
		if err != nil {
			return
		}
		in, ms := base.input(table)
		in.Facts["model"] = cty.StringVal("m")
		res, err := Expand(in)
		if err != nil || res.Diagnostics.HasErrors() {
			return
		}
		plan.Check(planOf(in, res), ms)
	})
}
