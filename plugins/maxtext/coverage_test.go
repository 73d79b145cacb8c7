package maxtext

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// What inspect says of a LoRA: modules, in how many layers, ranks, and alpha.
func TestCover(t *testing.T) {
	type m = map[string]tensor.Shape
	const says = `{"custom_metadata": {"scan_layers": true, "lora": {"lora_rank": 5, "lora_alpha": 12.0}}}`
	six := 12.0
	const unknown = "not in the checkpoint: a spec says it, as lora { alpha = 32 }"
	for _, c := range []struct {
		name     string
		params   m
		metadata string
		want     *Coverage
	}{
		{"stacked", m{"decoder/layers/mlp/wo/kernel_lora_a": {8, 3, 5}, "decoder/layers/mlp/wo/kernel_lora_b": {5, 3, 8}}, says,
			&Coverage{Modules: []Covered{{"decoder/layers/mlp/wo/kernel", 3, []int{5}}}, Alpha: &six, AlphaFrom: "the checkpoint's metadata"}},
		{"stacked first", m{"params/params/decoder/layers/mlp/wo/kernel_lora_a": {3, 8, 5}, "params/params/decoder/layers/mlp/wo/kernel_lora_b": {3, 5, 8}}, "",
			&Coverage{Modules: []Covered{{"decoder/layers/mlp/wo/kernel", 3, []int{5}}}, AlphaFrom: unknown}},
		{"apart, ranks differ", m{
			"decoder/layers_0/mlp/wo/kernel_lora_a": {8, 5}, "decoder/layers_0/mlp/wo/kernel_lora_b": {5, 8},
			"decoder/layers_11/mlp/wo/kernel_lora_a": {8, 4}, "decoder/layers_11/mlp/wo/kernel_lora_b": {4, 8},
			"decoder/logits_dense/kernel_lora_a": {8, 4}, "decoder/logits_dense/kernel_lora_b": {4, 9},
		}, "", &Coverage{Modules: []Covered{{"decoder/layers_*/mlp/wo/kernel", 2, []int{4, 5}}, {"decoder/logits_dense/kernel", 1, []int{4}}}, AlphaFrom: unknown}},
		{"a list, older leaves", m{"base/decoder/layers/7/mlp/wo/lora_a.kernel": {8, 5}, "base/decoder/layers/7/mlp/wo/lora_b.kernel": {5, 8}}, "",
			&Coverage{Modules: []Covered{{"decoder/layers/*/mlp/wo", 1, []int{5}}}, AlphaFrom: unknown}},
		{"experts", m{"decoder/layers/MoeBlock_0/wo_lora_a": {4, 3, 6, 5}, "decoder/layers/MoeBlock_0/wo_lora_b": {5, 3, 8}}, "",
			&Coverage{Modules: []Covered{{"decoder/layers/MoeBlock_0/wo", 3, []int{5}}}, AlphaFrom: unknown}},
		{"the metadata says another rank", m{"decoder/layers/mlp/wo/kernel_lora_a": {8, 3, 4}, "decoder/layers/mlp/wo/kernel_lora_b": {4, 3, 8}}, says,
			&Coverage{Modules: []Covered{{"decoder/layers/mlp/wo/kernel", 3, []int{4}}}, Alpha: &six, AlphaFrom: "the checkpoint's metadata", Remark: "its metadata says lora_rank 5, but decoder/layers/mlp/wo/kernel has [4]"}},
		{"settings and no factor", m{"step": {}}, says,
			&Coverage{Alpha: &six, AlphaFrom: "the checkpoint's metadata", Remark: "its metadata has the settings of a LoRA, but no parameter is a LoRA factor: the run trained none, or saved it elsewhere"}},
		{"a base", m{"decoder/layers/mlp/wo/kernel": {8, 3, 8}}, `{"custom_metadata": {"scan_layers": true}}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &manifest.Manifest{Metadata: []byte(c.metadata)}
			for n, s := range c.params {
				x.Tensors = append(x.Tensors, manifest.Tensor{Name: n, Shape: s, DType: tensor.Float32})
			}
			x.Sort()
			if d := cmp.Diff(c.want, Cover(x)); d != "" {
				t.Error(fmt.Sprint(c.params), d)
			}
		})
	}
}
