package maxtext

import (
	"regexp"
	"slices"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/sdktest"
)

// What the host relies on, behind a real connection: stacked layers, and two
// layers that are not, with LoRA on every parameter that takes it.
func TestConformance(t *testing.T) {
	var requests []sdk.PlanRequest
	for _, name := range []string{"gemma2-2b.scan", "gpt-oss-20b.scan"} {
		_, req := mappingtest.ReadSmall(t, "testdata/mapping", name)
		req.Conversion = name
		requests = append(requests, req)
	}
	_, req := mappingtest.ReadSmall(t, "testdata/mapping", "llama3.1-8b.unscan")
	req.Conversion = "llama3.1-8b with LoRA"
	s := &req.Sources[0]
	later := regexp.MustCompile(`/layers_([2-9]|[0-9]{2,})/`)
	s.Manifest.Tensors = slices.DeleteFunc(s.Manifest.Tensors, func(p manifest.Tensor) bool { return later.MatchString(p.Name) })
	s.Args["lora"] = map[string]any{"alpha": 4.0}
	for _, p := range s.Manifest.Tensors {
		if a, b := factors(p.Name, p.Shape); a != nil {
			s.Manifest.Tensors = append(s.Manifest.Tensors,
				manifest.Tensor{Name: p.Name + "_lora_a", DType: tensor.Float32, Shape: a}, manifest.Tensor{Name: p.Name + "_lora_b", DType: tensor.Float32, Shape: b})
		}
	}
	s.Manifest.Sort()
	sdktest.Conformance(t, Converter{}, append(requests, req)...)
}
