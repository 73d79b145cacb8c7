package maxtext

import (
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

const (
	tableOfTokens = "params/Tid2EidVar/decoder/layers_2/mlp/MoeBlock_0/tid2eid"
	routerBias    = "params/params/decoder/scanned_blocks/layers_0/mlp/MoeBlock_0/gate/bias"
)

// Variables of DeepSeek V4 that are no parameters lie elsewhere in each layout,
// and NNX stacks them along axis 0.
func TestVariablesBesideParameters(t *testing.T) {
	isBias := func(n string) bool { return strings.HasSuffix(n, "/gate/bias") }
	isVariable := func(n string) bool { return isBias(n) || strings.HasSuffix(n, "/tid2eid") }
	path := func(n string) string {
		return n[strings.Index(n, "/")+1+strings.Index(n[strings.Index(n, "/")+1:], "/")+1:]
	}
	stackedFirst := func(p *manifest.Tensor) { p.Shape = tensor.Shape{p.Shape[1], p.Shape[0]} }
	targets := 0
	for _, c := range []struct {
		name   string
		change func(p *manifest.Tensor)
		want   string // how the bias of layer 5, the second of its stack, is read
	}{
		{"as upstream's table", func(*manifest.Tensor) {}, `"` + routerBias + `"[:, 1]`},
		{"Linen's collection", func(p *manifest.Tensor) {
			if isBias(p.Name) {
				p.Name = "params/MoEBiasVar/" + path(p.Name)
			}
		}, `"params/MoEBiasVar/` + path(routerBias) + `"[:, 1]`},
		{"train state of NNX", func(p *manifest.Tensor) {
			if isVariable(p.Name) {
				if isBias(p.Name) {
					stackedFirst(p)
				}
				p.Name = "nnx_aux/model/" + path(p.Name)
			}
		}, `"nnx_aux/model/` + path(routerBias) + `"[1]`},
		{"NNX", func(p *manifest.Tensor) {
			if isBias(p.Name) {
				stackedFirst(p)
			}
			p.Name = path(p.Name)
		}, `"` + path(routerBias) + `"[1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, req := mappingtest.ReadSmall(t, "testdata/mapping", "deepseek4-284b.scan")
			m := req.Sources[0].Manifest
			for i := range m.Tensors {
				c.change(&m.Tensors[i])
			}
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: "nnx_aux/model/decoder/layers_0/rngs/dropout/key", DType: tensor.Uint32, Shape: tensor.Shape{2}})
			m.Sort()
			resp, err := Converter{}.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			mappingtest.Check(t, req, resp)
			if targets == 0 {
				targets = len(resp.Plan.Tensors)
			}
			if len(resp.Plan.Tensors) != targets {
				t.Errorf("%d targets, the table's layout has %d", len(resp.Plan.Tensors), targets)
			}
			i := slices.IndexFunc(resp.Plan.Tensors, func(x plan.Tensor) bool { return x.Name == "model.layers.5.mlp.gate.e_score_correction_bias" })
			if i < 0 {
				t.Fatal("no bias")
			}
			if got := plan.String(resp.Plan.Tensors[i].Expr); got != c.want {
				t.Errorf("%s, wanted %s", got, c.want)
			}
			if d := resp.Plan.Drops; !slices.ContainsFunc(d, func(x plan.Drop) bool { return strings.HasSuffix(x.Name, "rngs/dropout/key") }) ||
				!slices.ContainsFunc(d, func(x plan.Drop) bool { return strings.HasSuffix(x.Name, "mhc_norm/scale") && x.Reason != "" }) {
				t.Error("what has no target is not dropped by name")
			}
		})
	}
}

// What a layer must have follows from its number, so that nothing of it can be
// lost without a word.
func TestDeepSeek4LacksNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(name string) bool
		want string
	}{
		{"a compressor", func(n string) bool { return strings.Contains(n, "layers_5/self_attention/hca_compressor/") }, "layers_5/self_attention/hca_compressor/kv_proj/kernel is not in source"},
		{"an indexer", func(n string) bool { return strings.Contains(n, "layers_4/self_attention/csa_compressor/indexer/") }, "layers_4/self_attention/csa_compressor/indexer/q_proj/kernel is not in source"},
		{"a bias", func(n string) bool { return strings.HasSuffix(n, "layers_9/mlp/MoeBlock_0/gate/bias") }, "layers_9/mlp/MoeBlock_0/gate/bias or params/Tid2EidVar/decoder/layers_9/mlp/MoeBlock_0/gate/bias is not in source"},
		{"a table of tokens", func(n string) bool { return n == tableOfTokens }, "layers_2/mlp/MoeBlock_0/tid2eid or params/Tid2EidVar/"},
		{"a connection", func(n string) bool { return strings.HasSuffix(n, "layers_7/mhc_mlp/post_beta") }, "layers_7/mhc_mlp/post_beta or "},
		{"the last layer before the pairs", func(n string) bool { return strings.Contains(n, "decoder/layers_2/") }, `block "prefix" stands 2 times`},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := "unscan"
			if strings.Contains(c.want, "prefix") {
				kind = "scan"
			}
			_, req := mappingtest.ReadSmall(t, "testdata/mapping", "deepseek4-284b."+kind)
			m := req.Sources[0].Manifest
			before := len(m.Tensors)
			m.Tensors = slices.DeleteFunc(m.Tensors, func(p manifest.Tensor) bool { return c.cut(p.Name) })
			if len(m.Tensors) == before {
				t.Fatal("nothing was cut")
			}
			resp, err := Converter{}.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(resp.Diagnostics, func(d *diag.Diagnostic) bool {
				return d.Severity == diag.Error && strings.Contains(d.Detail, c.want)
			}) {
				t.Errorf("%v, wanted %q", resp.Diagnostics, c.want)
			}
		})
	}
}
