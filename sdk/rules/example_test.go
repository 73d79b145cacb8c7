package rules_test

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/rules"
)

// A row says what a kernel's axes are, where its LoRA is and what the kernel
// becomes. Two layers are stored under names of their own; the second has LoRA
// of rank 2.
func ExampleExpand() {
	table, err := rule.Parse(`
block "layer" {
  at "layers_{l}" {}
}

rule "kernel" {
  source = "{layer}/kernel"
  axes   = "i o"
  lora {
    a      = "{layer}/lora_a"
    b      = "{layer}/lora_b"
    einsum = "i r, r o -> i o"
    scale  = alpha / r
  }
  to     = "o i"
  target = "layers.{l}.weight"
}
`, "pocket.rows")
	if err != nil {
		panic(err)
	}
	m := &manifest.Manifest{Tensors: []manifest.Tensor{
		{Name: "layers_0/kernel", DType: tensor.BFloat16, Shape: tensor.Shape{3, 4}},
		{Name: "layers_1/kernel", DType: tensor.BFloat16, Shape: tensor.Shape{3, 4}},
		{Name: "layers_1/lora_a", DType: tensor.Float32, Shape: tensor.Shape{3, 2}},
		{Name: "layers_1/lora_b", DType: tensor.Float32, Shape: tensor.Shape{2, 4}},
	}}
	in := rules.Input{
		Table: table, Sources: []sdk.Source{{Name: "ft", Weight: 1, Manifest: m}},
		Method: "merge", DType: "bfloat16",
		Facts: map[string]cty.Value{"alpha": cty.NumberIntVal(16)},
	}
	res, err := rules.Expand(in)
	if err != nil {
		panic(err)
	}
	for _, t := range res.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape, "=", plan.String(t.Expr))
	}

	// Without the second factor there is no plan, and a reason.
	m.Tensors = m.Tensors[:3]
	res, err = rules.Expand(in)
	fmt.Println(res.Diagnostics, err)
	// Output:
	// layers.0.weight bfloat16 [4, 3] = rearrange("layers_0/kernel", "i o -> o i")
	// layers.1.weight bfloat16 [4, 3] = rearrange(merge("layers_1/kernel", "layers_1/lora_a", "layers_1/lora_b", "i r, r o -> i o", 8), "i o -> o i")
	// A LoRA factor has no partner: layers_1/lora_a is there, layers_1/lora_b is not: the pair cannot be merged and dropping it would lose the fine-tuning <nil>
}
