package rules

import (
	"fmt"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

const bigTable = `
letters = { l = "layers", e = "experts" }
block "dense" {
  at "decoder/dense_layers" {
    stack = "j"
    l     = j
  }
  at "decoder/dense_layers_{j}" {
    l = j
  }
}
block "moe" {
  at "decoder/moe_layers" {
    stack = "k"
    l     = count(dense) + k
  }
  at "decoder/moe_layers_{k}" {
    l = count(dense) + k
  }
}
capture "way" {
  shared = true
  value "wi_0" { name = "gate_proj" }
  value "wi_1" { name = "up_proj" }
}
rule "dense_in" {
  source = "{dense}/mlp/{way}/kernel"
  axes   = "d f"
  to     = "f d"
  target = "model.layers.{l}.mlp.{name}.weight"
}
rule "experts_in" {
  source = "{moe}/MoeBlock_0/{way}"
  axes   = "e d m"
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r e m -> e d m"
    scale  = 1
  }
  to     = "m d"
  target = "model.layers.{l}.mlp.experts.{e}.{name}.weight"
}
rule "experts_out" {
  when   = has("{moe}/MoeBlock_0/wo*")
  source = "{moe}/MoeBlock_0/wo"
  axes   = "e m d"
  to     = "d m"
  target = "model.layers.{l}.mlp.experts.{e}.down_proj.weight"
}
`

// 61 layers, of which 3 are dense, and 256 experts: as many names as the
// largest models have. Adapters lie beside the base in one of the forms.
func big(stacked, lora bool) *manifest.Manifest {
	m := &manifest.Manifest{}
	add := func(prefix, name string, layers int, s ...int) {
		for l := range layers {
			if stacked {
				m.Tensors = append(m.Tensors, manifest.Tensor{Name: prefix + "/" + name, DType: tensor.BFloat16, Shape: append(tensor.Shape{s[0], layers}, s[1:]...)})
				return
			}
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: fmt.Sprintf("%s_%d/%s", prefix, l, name), DType: tensor.BFloat16, Shape: s})
		}
	}
	for _, w := range []string{"wi_0", "wi_1"} {
		add("decoder/dense_layers", "mlp/"+w+"/kernel", 3, 7168, 18432)
		add("decoder/moe_layers", "MoeBlock_0/"+w, 58, 256, 7168, 2048)
		if lora {
			add("decoder/moe_layers", "MoeBlock_0/"+w+"_lora_a", 58, 7168, 16)
			add("decoder/moe_layers", "MoeBlock_0/"+w+"_lora_b", 58, 16, 256, 2048)
		}
	}
	add("decoder/moe_layers", "MoeBlock_0/wo", 58, 256, 2048, 7168)
	m.Sort()
	return m
}

func TestBigModel(t *testing.T) {
	table, err := rule.Parse(bigTable, "big.hcl")
	if err != nil {
		t.Fatal(err)
	}
	const lines = 3*2 + 58*256*3
	for _, c := range []struct {
		name          string
		stacked, lora bool
		method        string
		merged, drops int
	}{
		{"unscanned, lora", false, true, "merge", 58 * 256 * 2, 0},
		{"scanned, lora", true, true, "merge", 58 * 256 * 2, 0},
		// A is dropped once a layer, B once an expert and layer.
		{"scanned, lora left out", true, true, "base", 0, 58*2 + 58*256*2},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := big(c.stacked, c.lora)
			in := Input{Table: table, Method: c.method, DType: "source", Sources: []sdk.Source{{Name: "ft", Weight: 1, Manifest: m}}}
			res, err := Expand(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Diagnostics.Err(); err != nil {
				t.Fatal(err)
			}
			if len(res.Tensors) != lines || res.Merged != c.merged || len(res.Drops) != c.drops {
				t.Errorf("%d lines, %d pairs, %d drops; wanted %d, %d, %d", len(res.Tensors), res.Merged, len(res.Drops), lines, c.merged, c.drops)
			}
			p := planOf(in, res)
			if err := plan.Check(p, plan.Manifests{"ft": m}).Err(); err != nil {
				t.Error(err)
			}
			b, err := plan.Encode(p)
			if err != nil || len(b) > plan.MaxEncoded {
				t.Errorf("the plan has %d bytes: %v", len(b), err)
			}
		})
	}
}

// A checkpoint of another model: thousands of faults, a bounded report.
func TestBigMismatchIsBounded(t *testing.T) {
	table, err := rule.Parse(bigTable, "big.hcl")
	if err != nil {
		t.Fatal(err)
	}
	m := big(false, true)
	for i := range m.Tensors {
		m.Tensors[i].Name += fmt.Sprint("/renamed", i%7)
	}
	for i := range 40_000 {
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: fmt.Sprintf("decoder/moe_layers_%d/extra_%d", i%58, i), DType: tensor.Float32, Shape: tensor.Shape{1}})
	}
	m.Sort()
	res, err := Expand(Input{Table: table, Method: "merge", DType: "source", Sources: []sdk.Source{{Name: "ft", Weight: 1, Manifest: m}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(res.Diagnostics); n < 500 || n > maxFaults+16 {
		t.Errorf("%d faults are reported", n)
	}
}
