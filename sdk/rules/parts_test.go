package rules

import (
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

func inputOf(table *rule.Table, shapes map[string]tensor.Shape) Input {
	m := &manifest.Manifest{}
	for n, s := range shapes {
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, DType: tensor.Float32, Shape: s})
	}
	m.Sort()
	return Input{Table: table, Method: "merge", DType: "float32", Sources: []sdk.Source{{Name: "base", Weight: 1, Manifest: m}}}
}

// What is wrong with a part is said by its name, and a parameter that two
// trees have under one path is not hidden by either.
func TestPartFaults(t *testing.T) {
	good := map[string]tensor.Shape{
		"main/layers_0/pre": {3, 2}, "other/layers_0/post": {3, 1}, "main/layers_0/res": {3, 2, 4},
		"main/layers_0/pre_bias": {2}, "other/layers_0/post_bias": {1}, "main/layers_0/res_bias": {2, 4},
	}
	for _, c := range []struct {
		name   string
		change func(map[string]tensor.Shape)
		want   string
	}{
		{"missing", func(m map[string]tensor.Shape) { delete(m, "other/layers_0/post") }, `main/layers_0/post or other/layers_0/post is not in source "base" (row "mix")`},
		{"another width", func(m map[string]tensor.Shape) { m["main/layers_0/res"] = tensor.Shape{4, 2, 4} }, `main/layers_0/res has w (width) = 4, but main/layers_0/pre, as 1 other, has 3`},
		{"an axis less", func(m map[string]tensor.Shape) { m["main/layers_0/res"] = tensor.Shape{3, 8} }, `main/layers_0/res has shape [3, 8]: it has 2 axes, wanted 3 (w a b)`},
		{"twice", func(m map[string]tensor.Shape) { m["other/layers_0/pre"] = tensor.Shape{3, 2} }, `other/layers_0/pre [3, 2] in source "base": no row knows it`},
		{"adapter", func(m map[string]tensor.Shape) { m["main/layers_0/pre_lora_a"] = tensor.Shape{3, 1} }, `main/layers_0/pre_lora_a [3, 1] in source "base": no row knows it`},
		{"beside the trees", func(m map[string]tensor.Shape) { m["step"] = tensor.Shape{} }, `A part of the model is missing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			shapes := map[string]tensor.Shape{}
			for n, s := range good {
				shapes[n] = s
			}
			c.change(shapes)
			_, err := expandAndCheck(t, inputOf(readTable(t, "parts"), shapes))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, wanted %q", err, c.want)
			}
		})
	}
}

// A segment whose letters two parts have is a fault of the table.
func TestPartsTellSegmentsApart(t *testing.T) {
	table, err := rule.Parse(`
rule "mix" {
  part {
    source = "pre"
    axes   = "w p"
  }
  part {
    source = "post"
    axes   = "w p"
  }
  to     = "(p + p) w"
  target = "mix"
}`, "t.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Expand(inputOf(table, map[string]tensor.Shape{"pre": {3, 2}, "post": {3, 2}}))
	if err == nil || !strings.Contains(err.Error(), `rule "mix": 2 parts have the letters of "p w", wanted one`) {
		t.Error(err)
	}
}
