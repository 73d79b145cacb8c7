package maxtext

import (
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

// factors are the shapes of qwix's LoRA on one parameter of a language model
// whose layers are not stacked; nil where none is known.
func factors(name string, s tensor.Shape) (a, b tensor.Shape) {
	const r = 2
	switch {
	case !strings.Contains(name, "/decoder/") || strings.Contains(name, "o_a_proj") || strings.Contains(name, "mhc_norm") || strings.Contains(name, "indexer/k_norm"):
	case strings.HasSuffix(name, "/scale"):
		return tensor.Shape{s[0], r}, tensor.Shape{r}
	case strings.HasSuffix(name, "/wo"): // dense matmuls: experts in the first factor
		return tensor.Shape{s[0], s[1], r}, tensor.Shape{r, s[2]}
	case strings.HasSuffix(name, "/wi_0"), strings.HasSuffix(name, "/wi_1"):
		return tensor.Shape{s[1], r}, tensor.Shape{r, s[0], s[2]}
	case strings.HasSuffix(name, "/kernel"):
		n := s[0]
		if strings.HasSuffix(name, "/out/kernel") {
			n = s.Elements() / s[len(s)-1]
		}
		return tensor.Shape{n, r}, tensor.Shape{r, s.Elements() / n}
	}
	return nil, nil
}

// Every row of the families that no checkpoint with LoRA proves takes the
// factors that qwix makes for its parameter, and merges all of them.
func TestLoraFormsFit(t *testing.T) {
	for _, model := range []string{"deepseek3.2-671b", "deepseek4-284b", "qwen3-vl-2b", "qwen3-vl-30b-a3b", "qwen3-omni-30b-a3b"} {
		t.Run(model, func(t *testing.T) {
			_, req := mappingtest.ReadSmall(t, "testdata/mapping", model+".unscan")
			s := &req.Sources[0]
			s.Args["lora"] = map[string]any{"alpha": 4.0}
			wanted := map[string]bool{}
			for _, p := range s.Manifest.Tensors {
				a, b := factors(p.Name, p.Shape)
				if a == nil {
					continue
				}
				wanted[p.Name+"_lora_a"] = true
				s.Manifest.Tensors = append(s.Manifest.Tensors,
					manifest.Tensor{Name: p.Name + "_lora_a", DType: tensor.Float32, Shape: a}, manifest.Tensor{Name: p.Name + "_lora_b", DType: tensor.Float32, Shape: b})
			}
			s.Manifest.Sort()
			resp, err := Converter{}.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			mappingtest.Check(t, req, resp)
			for i := range resp.Plan.Tensors {
				plan.Sources(resp.Plan.Tensors[i].Expr, func(x *plan.Source) { delete(wanted, x.Name) })
			}
			for n := range wanted {
				t.Errorf("%s is not merged", n)
			}
		})
	}
}
