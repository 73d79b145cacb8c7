package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/rules"
)

// version is the plugin's; the directory that it is installed in has the same
// name. A release sets it with -ldflags "-X main.version=…".
var version = "0.1.0"

//go:embed pocket.rows
var rows string

var table = sync.OnceValues(func() (*rule.Table, error) { return rule.Parse(rows, "pocket.rows") })

// Converter answers for pocket.
type Converter struct{}

// Describe says what source "pocket" and output "pytorch" blocks take.
func (Converter) Describe(context.Context, sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name:    "pocket",
		Version: version,
		Source: sdk.Schema{Blocks: []sdk.Block{{
			Name: "lora", Max: 1, Doc: "How the runtime scales the adapter.",
			Schema: sdk.Schema{
				Attributes: []sdk.Attribute{{Name: "alpha", Type: "number", Required: true, Doc: "The scale is alpha/rank; no checkpoint holds alpha."}},
				Blocks:     []sdk.Block{{Name: "rule", Labels: []string{"name"}, Rows: true, Doc: "A row that adds to the built-in ones or replaces the one of its name."}},
			},
		}}},
		Outputs: map[string]sdk.Schema{"pytorch": {}},
		Trees:   []string{"."},
		Methods: []string{"merge", "base"},
		Rules:   map[string]string{"pocket": rows},
	}, nil
}

// Plan expands the rows over one checkpoint. Faults of the spec and of the
// checkpoint are diagnostics; an error would be a fault of this plugin.
func (Converter) Plan(_ context.Context, req sdk.PlanRequest) (*sdk.PlanResponse, error) {
	t, err := table()
	if err != nil {
		return nil, err
	}
	resp := &sdk.PlanResponse{}
	if len(req.Sources) != 1 || req.Output.Format != "pytorch" || req.Method == "adapter" {
		resp.Diagnostics.Errorf(diag.Usage, "pocket-request", "pocket cannot do that",
			"found %d sources, output %q and method %q; wanted one source, output \"pytorch\" and method \"merge\" or \"base\"", len(req.Sources), req.Output.Format, req.Method)
		return resp, nil
	}
	src := &req.Sources[0]
	if src.Rows != "" {
		added, err := rule.Parse(src.Rows, "lora rules")
		if err != nil {
			resp.Diagnostics.Errorf(diag.Usage, "rule-invalid", "A lora rule cannot be read", "%v", err).Path = []string{"source", src.Name, "lora", "rule"}
			return resp, nil
		}
		t = t.Merge(added)
	}
	method, from := method(&req)
	in := rules.Input{Table: t, Sources: req.Sources, Method: method, DType: req.DType, Targets: req.Rules, Facts: map[string]cty.Value{}}
	if in.DType == "" {
		in.DType = map[string]string{"merge": "float32", "base": "source"}[method]
	}
	if alpha, ok := alpha(src); ok {
		in.Facts["alpha"] = cty.NumberFloatVal(alpha)
	} else {
		in.Unknown = map[string]*diag.Diagnostic{"alpha": diag.New(diag.Usage, "pocket-alpha", "Nothing says the LoRA's alpha",
			"source %q has LoRA factors, and no checkpoint of pocket holds alpha: set lora { alpha = … }, or method = \"base\"", src.Name)}
	}
	res, err := rules.Expand(in)
	if err != nil {
		return nil, err
	}
	resp.Diagnostics, resp.RulesHit = res.Diagnostics, res.RulesHit
	if resp.Diagnostics.HasErrors() {
		return resp, nil
	}
	resp.Plan = &plan.Plan{
		Version: plan.Version, Sources: []string{src.Name},
		Output:  plan.Output{Format: "pytorch", File: "model.safetensors"},
		Tensors: res.Tensors, Drops: res.Drops,
		Documents: []plan.Document{{Path: "config.json", Content: fmt.Sprintf("{\"layers\": %d}\n", layers(res.Tensors))}},
		Facts:     append([]plan.Fact{{Name: "method", Value: method, From: from}}, res.Facts...),
	}
	return resp, nil
}

// method settles the default: to merge where there is something to merge.
func method(req *sdk.PlanRequest) (method, from string) {
	if req.Method != "" {
		return req.Method, "the spec"
	}
	for _, t := range req.Sources[0].Manifest.Tensors {
		if strings.HasSuffix(t.Name, "/lora_a") || strings.HasSuffix(t.Name, "/lora_b") {
			return "merge", "the checkpoint has LoRA factors"
		}
	}
	return "base", "the checkpoint has no LoRA factor"
}

// alpha reads the spec's lora block.
func alpha(src *sdk.Source) (float64, bool) {
	lora, _ := src.Args["lora"].(map[string]any)
	v, ok := lora["alpha"].(float64)
	return v, ok
}

func layers(ts []plan.Tensor) (n int) {
	for _, t := range ts {
		if strings.HasSuffix(t.Name, ".bias") {
			n++
		}
	}
	return n
}
