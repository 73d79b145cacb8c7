package rules

import (
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// A size that a checkpoint states and no model has is refused, not written out
// line by line or block by block.
func TestHugeSizes(t *testing.T) {
	const huge = 1 << 40
	cp := readCheckpoint(t, "experts")
	for name, s := range cp.Sources[0].Tensors {
		for i, n := range s {
			if n == 5 { // experts
				cp.Sources[0].Tensors[name][i] = huge
			}
		}
	}
	in, _ := cp.input(readTable(t, "experts"))
	if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), "More tensors than a model has: row ") {
		t.Errorf("experts without end: %v", err)
	}

	for _, stored := range []string{"scanned_base_apart_adapter", "apart_base_scanned_adapter"} {
		cp := readCheckpoint(t, "query."+stored)
		for _, s := range cp.Sources {
			for name, shape := range s.Tensors {
				for i, n := range shape {
					if n == 3 && strings.Contains(name, "/layers/") { // the stack
						s.Tensors[name][i] = huge
					}
				}
			}
		}
		in, _ := cp.input(readTable(t, "query"))
		if _, err := expandAndCheck(t, in); err == nil {
			t.Errorf("%s: layers without end were planned", stored)
		}
	}

	in, _ = exportInput(t, `
  source = "w"
  axes   = "n d h"
  lora {
    a      = "a"
    b      = "b"
    einsum = "n d r, n r h -> n d h"
    scale  = alpha / r
  }
  to     = "(n h) d"
  target = "m.weight"`, map[string]tensor.Shape{"w": {huge, 3, 5}, "a": {huge, 3, 2}, "b": {huge, 2, 5}})
	const want = "An adapter cannot express a LoRA: a, m.weight: it is a product for each position up to n = 1099511627775, and at most 1024 are written beside one another"
	if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwanted %s", err, want)
	}
}

// What a plugin leaves open is its fault, and never a default.
func TestInputFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   string
	}{
		{"no table", func(in *Input) { in.Table = nil }, "nothing to expand: no table"},
		{"no source", func(in *Input) { in.Sources = nil }, "nothing to expand: no source"},
		{"no manifest", func(in *Input) { in.Sources[0].Manifest = nil }, `source "base" has no manifest`},
		{"no method", func(in *Input) { in.Method = "" }, `method "", wanted one of ["merge" "base" "adapter"]; a plugin settles its default before`},
		{"no dtype", func(in *Input) { in.DType = "" }, `dtype "", wanted one of ["float32" "bfloat16" "float16" "mixed" "source"]; a plugin settles its default before`},
		{"dtype of a rule", func(in *Input) { in.Targets = []sdk.TargetRule{{Name: "q", DType: "int8"}} }, `rule "q": dtype "int8", wanted one of ["float32" "bfloat16" "float16" "mixed" "source"]`},
		{"alone, merged", func(in *Input) { in.Alone = true }, `an adapter without its base is one source, of method "adapter"`},
	} {
		in, _ := readCheckpoint(t, "query.scanned_base_apart_adapter").input(readTable(t, "query"))
		c.change(&in)
		if _, err := Expand(in); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwanted %s", c.name, err, c.want)
		}
	}
}

// The type that tensors are written in where the spec names none of the three.
func TestTypesOfTheSourceAndOfTheRuntime(t *testing.T) {
	experts := func(dtype string, stored ...tensor.DType) (Input, error) {
		in, _ := exportInput(t, "  source = \"{s}\"\n  names = { s = [\"p\", \"q\"] }\n  axes = \"s d\"\n  to = \"s d\"\n  target = \"t\"",
			map[string]tensor.Shape{"p": {2}, "q": {2}})
		in.Method, in.DType = "base", dtype
		for i, d := range stored {
			in.Sources[0].Manifest.Tensors[i].DType = d
		}
		res, err := Expand(in)
		if err == nil {
			err = res.Diagnostics.Err()
		}
		if err == nil {
			in.DType = res.Tensors[0].DType.String()
		}
		return in, err
	}
	for _, c := range []struct{ p, q, want tensor.DType }{
		{tensor.BFloat16, tensor.BFloat16, tensor.BFloat16},
		{tensor.BFloat16, tensor.Float32, tensor.Float32}, // either order: nothing is rounded
		{tensor.Float32, tensor.BFloat16, tensor.Float32},
		{tensor.BFloat16, tensor.Float16, tensor.Float32},
		{tensor.Float16, tensor.Float64, tensor.Float64},
		{tensor.Int32, tensor.Int32, tensor.Int32},
	} {
		if got, err := experts("source", c.p, c.q); err != nil || got.DType != c.want.String() {
			t.Errorf("%v beside %v gives %s, %v; wanted %v", c.p, c.q, got.DType, err, c.want)
		}
	}
	lora := map[string]tensor.Shape{"w": {3, 5}, "a": {3, 2}, "b": {2, 5}}
	for _, c := range []struct{ a, b, want tensor.DType }{
		{tensor.BFloat16, tensor.BFloat16, tensor.BFloat16},
		{tensor.BFloat16, tensor.Float32, tensor.Float32},
		{tensor.Float32, tensor.BFloat16, tensor.Float32},
	} {
		in, _ := exportInput(t, "  source = \"w\"\n  axes = \"d h\"\n  lora {\n    a = \"a\"\n    b = \"b\"\n    einsum = \"d r, r h -> d h\"\n    scale = 1\n  }\n  to = \"h d\"\n  target = \"m.weight\"", lora)
		in.DType = "source"
		in.Sources[0].Manifest.Lookup("a").DType, in.Sources[0].Manifest.Lookup("b").DType = c.a, c.b
		res, err := Expand(in)
		if err != nil || len(res.Tensors) != 2 || res.Tensors[0].DType != c.want || res.Tensors[1].DType != c.want {
			t.Errorf("factors in %v and %v: %+v, %v; wanted %v", c.a, c.b, res, err, c.want)
		}
	}
	const want = `No layout "mixed" is known: dtype = "mixed" asks for the type in which the target's runtime keeps each tensor, and the plugin's table says none (row "row")`
	if _, err := experts("mixed"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwanted %s", err, want)
	}
}
