package openpi

import (
	"context"
	_ "embed"
	"fmt"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/rules"
)

// Version is the plugin's version.
const Version = "0.1.0"

//go:embed rules.hcl
var rulesText string

// Table returns the built-in rows.
var Table = sync.OnceValues(func() (*rule.Table, error) { return rule.Parse(rulesText, "rules.hcl") })

// Converter answers for OpenPI.
type Converter struct{}

// Describe says what source "openpi" and output "pytorch" blocks take.
func (Converter) Describe(context.Context, sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name:    "openpi",
		Version: Version,
		Source:  sourceSchema,
		Outputs: map[string]sdk.Schema{"pytorch": outputSchema},
		Trees:   []string{"params", "."},
		Methods: []string{"merge", "base"},
		Rules:   map[string]string{"openpi": rulesText},
	}, nil
}

var sourceSchema = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "config", Type: "string", Doc: "Name of the TrainConfig that the checkpoint was trained with. It gives alpha, which no checkpoint holds."},
	},
	Blocks: []sdk.Block{{
		Name: "lora", Max: 1, Doc: "How the runtime scales the adapter. Scales attention only; openpi's feed-forward layers apply their LoRA unscaled.",
		Schema: sdk.Schema{
			Attributes: []sdk.Attribute{
				{Name: "alpha", Type: "number", Doc: "The LoRAConfig's alpha."},
				{Name: "rslora", Type: "bool", Doc: "Whether the scale is alpha/sqrt(rank) in place of alpha/rank."},
				{Name: "alpha_pattern", Type: "map(number)", Doc: "Alpha by glob over base parameters, where they differ; the most specific match wins."},
				{Name: "allow_partial", Type: "bool", Doc: "Accept LoRA on a part of an expert's attention or feed-forward modules, or of unlike ranks, which openpi's own models do not have."},
			},
			Blocks: []sdk.Block{{Name: "rule", Labels: []string{"name"}, Rows: true, Doc: "A row that adds to the built-in ones or replaces the one of its name."}},
		},
	}},
}

var outputSchema = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "files", Type: "list(string)", Doc: `Globs over the checkpoint's side files to copy; by default ["assets/**"].`},
		{Name: "action_horizon", Type: "number", Doc: "Written to config.json; no weight depends on it."},
	},
}

// Plan expands the rows over one checkpoint.
func (Converter) Plan(_ context.Context, req sdk.PlanRequest) (*sdk.PlanResponse, error) {
	table, err := Table()
	if err != nil {
		return nil, err
	}
	c := &conversion{req: req, resp: &sdk.PlanResponse{}}
	if !c.admissible() {
		return c.resp, nil
	}
	if rows := c.source().Rows; rows != "" {
		added, err := rule.Parse(rows, "lora rules")
		if err != nil {
			c.fail("rule-invalid", "A lora rule cannot be read", c.path("lora", "rule"), "%v", err)
			return c.resp, nil
		}
		table = table.Merge(added)
	}
	return c.expand(table)
}

// conversion is the state of one Plan.
type conversion struct {
	req   sdk.PlanRequest
	resp  *sdk.PlanResponse
	tree  tree
	alpha alphas
}

func (c *conversion) source() *sdk.Source { return &c.req.Sources[0] }

// path is a place in the spec's source block.
func (c *conversion) path(names ...string) []string {
	return append([]string{"source", c.source().Name}, names...)
}

func (c *conversion) fail(code, summary string, path []string, format string, args ...any) {
	c.resp.Diagnostics.Errorf(diag.Usage, code, summary, format, args...).Path = path
}

// admissible refuses what no openpi checkpoint can be asked for.
func (c *conversion) admissible() bool {
	at := []string{"conversion", c.req.Conversion}
	switch {
	case len(c.req.Sources) != 1:
		c.fail("openpi-one-source", "An openpi conversion has one source", append(at, "adapters"),
			"openpi keeps base and adapter in one checkpoint; found %d sources: leave adapters out", len(c.req.Sources))
	case c.req.Method == "adapter":
		c.fail("openpi-no-adapter", "openpi has no adapter format", append(at, "method"),
			`method = "adapter": openpi's LoRA sums lora_b over heads and fuses gate with up, and its PyTorch model loads merged weights only; use "merge", or "base" for the weights without the adapter`)
	case c.req.Output.Format != "pytorch":
		c.fail("openpi-output", "openpi writes one output format", append(at, "output"), `found output %q, wanted "pytorch"`, c.req.Output.Format)
	}
	return len(c.resp.Diagnostics) == 0
}

func (c *conversion) expand(table *rule.Table) (*sdk.PlanResponse, error) {
	c.tree = readTree(c.source().Manifest)
	if !c.isOpenPI() {
		return c.resp, nil
	}
	c.alpha = c.readAlpha()
	method := c.method()
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	res, err := rules.Expand(rules.Input{
		Table: table, Sources: c.req.Sources, Method: method, DType: c.dtype(method), Targets: c.req.Rules,
		Facts: map[string]cty.Value{
			"model":      cty.StringVal(c.tree.model),
			"vocabulary": cty.NumberIntVal(int64(max(c.tree.vocabulary, 1))),
			"rslora":     cty.BoolVal(c.alpha.rslora),
		},
		Unknown:  map[string]*diag.Diagnostic{"alpha": c.alphaUnknown()},
		PerParam: c.alpha.facts,
	})
	if err != nil {
		return nil, err
	}
	c.resp.Diagnostics.Append(res.Diagnostics)
	c.resp.RulesHit = res.RulesHit
	c.checkPatterns(method)
	if !c.resp.Diagnostics.HasErrors() {
		c.agree(method, res.Drops)
	}
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	c.resp.Plan = &plan.Plan{
		Version: plan.Version, Sources: []string{c.source().Name},
		Output:    plan.Output{Format: "pytorch", File: "model.safetensors"},
		Tensors:   res.Tensors,
		Drops:     res.Drops,
		Files:     c.files(),
		Documents: c.documents(),
		Facts:     append(c.facts(method), res.Facts...),
	}
	return c.resp, nil
}

// method settles the default and refuses a merge of nothing.
func (c *conversion) method() string {
	switch {
	case c.req.Method != "":
		if c.req.Method == "merge" && !c.tree.lora {
			c.fail("no-lora", "The checkpoint has no LoRA", []string{"conversion", c.req.Conversion, "method"},
				`method = "merge", but none of the %d parameters of source %q is a LoRA factor; was a checkpoint without LoRA named, or is "base" meant?`, len(c.source().Manifest.Tensors), c.source().Name)
		}
		return c.req.Method
	case c.tree.lora:
		return "merge"
	}
	if _, said := c.source().Args["lora"]; said {
		c.fail("no-lora", "The checkpoint has no LoRA", c.path("lora"),
			`the spec has a lora block, but none of the %d parameters of source %q is a LoRA factor; take the block out, or set method = "base"`, len(c.source().Manifest.Tensors), c.source().Name)
	}
	return "base"
}

func (c *conversion) dtype(method string) string {
	switch {
	case c.req.DType != "":
		return c.req.DType
	case method == "merge":
		return "float32"
	}
	return "source"
}

func (c *conversion) facts(method string) []plan.Fact {
	out := []plan.Fact{
		{Name: "model", Value: c.tree.model, From: c.tree.modelFrom},
		{Name: "method", Value: method, From: c.methodFrom()},
	}
	for i, x := range []string{"language model", "action expert"} {
		if v := c.tree.variant[i]; v != "" {
			out = append(out, plan.Fact{Name: x, Value: v, From: "its widths, depth and heads"})
		}
	}
	if c.tree.lora && method == "merge" {
		out = append(out, plan.Fact{Name: "attention scale", Value: c.alpha.formula(), From: c.alpha.from})
		out = append(out, plan.Fact{Name: "feed-forward scale", Value: "1", From: "models/lora.py FeedForward applies neither alpha nor rank"})
	}
	return out
}

func (c *conversion) methodFrom() string {
	switch {
	case c.req.Method != "":
		return "the spec"
	case c.tree.lora:
		return "the checkpoint has LoRA factors"
	}
	return "the checkpoint has no LoRA factor"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
