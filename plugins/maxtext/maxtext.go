package maxtext

import (
	"context"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/rules"
)

// Version is the plugin's version.
const Version = "0.1.0"

// Converter answers for MaxText.
type Converter struct{}

// Describe says what source "maxtext" and output "huggingface" and "peft" blocks take.
func (Converter) Describe(context.Context, sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	rows, err := rulesTexts()
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeResponse{
		Name:    "maxtext",
		Version: Version,
		Source:  sourceSchema,
		Outputs: map[string]sdk.Schema{"huggingface": outputSchema, "peft": peftSchema},
		Trees:   []string{"items", "model_params", "default", "params", "."},
		Methods: []string{"merge", "base", "adapter"},
		Rules:   rows,
	}, nil
}

// Plan expands the family's rows over base and adapters.
func (Converter) Plan(_ context.Context, req sdk.PlanRequest) (*sdk.PlanResponse, error) {
	c := &conversion{req: req, resp: &sdk.PlanResponse{}, adapters: map[string]adapter{}}
	for _, step := range []func(){c.admit, c.readLayouts, c.findFamily, c.findMethod, c.settleAll} {
		if step(); c.resp.Diagnostics.HasErrors() {
			return c.resp, nil
		}
	}
	table, err := c.table()
	if err != nil || table == nil {
		return c.resp, err
	}
	return c.expand(table)
}

// conversion is the state of one Plan.
type conversion struct {
	req      sdk.PlanRequest
	resp     *sdk.PlanResponse
	method   string
	family   *family
	from     string // what said the family
	layouts  []*layout
	adapters map[string]adapter // by source; those with LoRA, where it is merged
	axis     int
	shard    int64
	hidden   []plan.Fact // what neither names nor shapes tell
	alone    bool        // the source is an adapter, and its base is not there
}

func (c *conversion) template() *sdk.Template { return c.req.Output.Template }

// source and output are places in the spec.
func (c *conversion) source(s *sdk.Source, names ...string) []string {
	return append([]string{"source", s.Name}, names...)
}

func (c *conversion) output(names ...string) []string {
	return append([]string{"conversion", c.req.Conversion, "output"}, names...)
}

func (c *conversion) fail(class diag.Class, code, summary string, path []string, format string, args ...any) *diag.Diagnostic {
	d := c.resp.Diagnostics.Errorf(class, code, summary, format, args...)
	d.Path = path
	return d
}

// admit refuses what this plugin does not do.
func (c *conversion) admit() {
	if c.admitFormat(); c.resp.Diagnostics.HasErrors() || c.req.Output.Format == "peft" {
		return
	}
	if said, _ := c.req.Output.Args["template"].(string); said == "" {
		c.fail(diag.Usage, "template-missing", "The output needs a template", c.output(), `config.json, the tokenizer and the names of the tensors come from a local copy of the base model's repository: say template = "path/to/it", or template = "none" to write weights alone`)
	}
	size := "5GB"
	if s, ok := c.req.Output.Args["max_shard_size"].(string); ok {
		size = s
	}
	var err error
	if c.shard, err = shardBytes(size); err != nil {
		c.fail(diag.Usage, "bad-size", "A size cannot be read", c.output("max_shard_size"), "%v", err)
	}
}

// findFamily takes the family from the model that a source names, else from
// the template.
func (c *conversion) findFamily() {
	for i := range c.req.Sources {
		s := &c.req.Sources[i]
		model, ok := s.Args["model"].(string)
		if !ok {
			continue
		}
		f, err := familyOf(model)
		if err != nil {
			c.fail(diag.Usage, "unknown-model", "The model cannot be converted", c.source(s, "model"), "%v", err)
			return
		}
		if c.family != nil && c.family != f {
			c.fail(diag.Usage, "unknown-model", "Base and adapter are of different models", c.source(s, "model"), "%q is of family %s, the base of %s", model, f.name, c.family.name)
			return
		}
		c.family, c.from = f, fmt.Sprintf("model %q of source %q", model, s.Name)
	}
	modelType := ""
	if c.template() != nil {
		modelType, _ = c.template().Config["model_type"].(string)
	}
	of := familyOfConfig(modelType)
	switch {
	case c.family == nil && of != nil:
		c.family, c.from = of, fmt.Sprintf("the template's model_type %q", modelType)
	case c.family == nil && modelType != "":
		c.fail(diag.Usage, "unknown-model", "The model cannot be converted", c.output("template"), "no table is known for the template's model_type %q; there are tables for %s", modelType, strings.Join(modelNames(), ", "))
	case c.family == nil:
		c.fail(diag.Usage, "unknown-model", "The model is not known", c.source(&c.req.Sources[0]), `names and shapes alone do not tell which model this is; say model = "llama3.1-8b" or the like in the source block: MaxText's model_name`)
	case modelType != "" && of != c.family:
		c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "its model_type is %q, but %s is of family %s", modelType, c.from, c.family.name)
	}
}

// findMethod says what is done, as the spec says or the trees tell, and whether they
// have what that needs.
func (c *conversion) findMethod() {
	lora := false
	for i, l := range c.layouts {
		s := &c.req.Sources[i]
		lora = lora || l.lora()
		switch {
		case i > 0 && l.kind == "base":
			c.fail(diag.Usage, "no-lora", "The adapter has no LoRA", c.source(s), "none of the %d parameters of source %q is a LoRA factor; a trainer that was started without lora saves such a checkpoint", len(s.Manifest.Tensors), s.Name)
		case i == 0 && l.lora() && !l.hasBase() && c.req.Method == "adapter" && len(c.req.Sources) == 1:
			c.alone = true
		case i == 0 && l.kind == "lora":
			c.fail(diag.Usage, "no-base", "The source has no base model", c.source(s), `source %q holds LoRA factors alone; name the base model in source, and this checkpoint in adapters. Without a base, method = "adapter" exports one adapter`, s.Name)
		}
	}
	c.method = c.req.Method
	switch {
	case c.method == "" && lora:
		c.method = "merge"
	case c.method == "":
		c.method = "base"
	case c.method != "base" && !lora:
		c.fail(diag.Usage, "no-lora", "The checkpoint has no LoRA", []string{"conversion", c.req.Conversion, "method"}, `method = %q, but no parameter of source %q is a LoRA factor; was adapters forgotten, or is "base" meant?`, c.method, c.req.Sources[0].Name)
	}
}

// settleAll resolves what the spec, the metadata and the shapes say.
func (c *conversion) settleAll() {
	c.axis = -1
	for i := range c.req.Sources {
		s, l := &c.req.Sources[i], c.layouts[i]
		c.settle(s, l)
		said, ok := s.Args["param_scan_axis"].(float64)
		is := int(said)
		switch {
		case ok && (said != float64(is) || is < 0 || is > 8):
			c.fail(diag.Usage, "spec-contradicts", "No axis", c.source(s, "param_scan_axis"), "found %v, wanted 0 or 1", said)
		case ok && l.axis >= 0 && is != l.axis:
			c.fail(diag.Usage, "spec-contradicts", "The spec contradicts the checkpoint", c.source(s, "param_scan_axis"), "param_scan_axis = %d, but by their shapes the layers of source %q are stacked along axis %d", is, s.Name, l.axis)
		case ok && c.axis >= 0 && c.axis != is:
			c.fail(diag.Usage, "spec-contradicts", "Base and adapter are stacked along different axes", c.source(s, "param_scan_axis"), "param_scan_axis = %d, the base has %d", is, c.axis)
		case ok:
			c.axis = is
		case l.axis >= 0 && c.axis < 0:
			c.axis = l.axis
		case l.axis >= 0 && l.axis != c.axis:
			c.fail(diag.Keys, "shape-mismatch", "Base and adapter are stacked along different axes", c.source(s), "by their shapes the layers of source %q are stacked along axis %d, those of source %q along axis %d", s.Name, l.axis, c.req.Sources[0].Name, c.axis)
		}
	}
	if c.axis < 0 {
		c.axis = 1 // MaxText's own default
	}
}

func (c *conversion) table() (*rule.Table, error) {
	t, err := c.family.table()
	if err != nil {
		return nil, err
	}
	for i := range c.req.Sources {
		s := &c.req.Sources[i]
		if s.Rows == "" {
			continue
		}
		added, err := rule.Parse(s.Rows, "lora rules")
		if err != nil {
			c.fail(diag.Usage, "rule-invalid", "A lora rule cannot be read", c.source(s, "lora", "rule"), "%v", err)
			return nil, nil
		}
		t = t.Merge(added)
	}
	return t, nil
}

func (c *conversion) expand(table *rule.Table) (*sdk.PlanResponse, error) {
	vocabulary, vocabularyFrom := c.vocabulary()
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	h := c.settleHidden(table, vocabulary)
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	c.hidden = h.print
	in := rules.Input{
		Table: table, Method: c.method, DType: c.dtype(), Targets: c.req.Rules, Facts: h.values, Unknown: h.unknown,
		PerSource: func(name string) map[string]cty.Value {
			return map[string]cty.Value{"alpha": cty.NumberFloatVal(c.adapters[name].alpha)}
		},
	}
	for i, s := range c.req.Sources {
		s.Manifest = c.layouts[i].params
		in.Sources = append(in.Sources, s)
	}
	if c.alone && c.family.name == "gemma4" {
		c.fail(diag.Usage, rules.CodeUnknown, "A size is not known", c.source(&c.req.Sources[0]), "layers of Gemma 4 have heads that are not alike, which its factors do not tell apart and config.json says in parts: name the base model as source, and this checkpoint in adapters")
		return c.resp, nil
	}
	if c.alone {
		in.Alone, in.Known = true, c.knownSizes()
		in.Counts = c.knownCounts(table)
	}
	if c.method == "adapter" {
		return c.expandAdapter(in)
	}
	res, err := rules.Expand(in)
	if err != nil {
		return nil, err
	}
	c.resp.Diagnostics.Append(res.Diagnostics)
	c.resp.RulesHit = res.RulesHit
	if !c.resp.Diagnostics.HasErrors() {
		c.checkTemplate(res)
	}
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	c.resp.Plan = &plan.Plan{
		Version: plan.Version,
		Output:  plan.Output{Format: "huggingface", File: "model.safetensors", MaxShard: c.shard},
		Tensors: res.Tensors, Drops: res.Drops, Files: c.files(), Documents: c.card(),
		Facts: append(c.facts(vocabulary, vocabularyFrom), res.Facts...),
	}
	for i, s := range c.req.Sources {
		c.resp.Plan.Sources = append(c.resp.Plan.Sources, s.Name)
		c.resp.Plan.Drops = append(c.resp.Plan.Drops, c.layouts[i].drops...)
	}
	return c.resp, nil
}

func (c *conversion) dtype() string {
	switch {
	case c.req.DType != "":
		return c.req.DType
	case c.method != "base":
		return "float32"
	}
	return "source"
}

func (c *conversion) facts(vocabulary int, vocabularyFrom string) []plan.Fact {
	methodFrom := "the spec"
	if c.req.Method == "" {
		methodFrom = "whether there are LoRA factors"
	}
	out := []plan.Fact{
		{Name: "family", Value: c.family.name, From: c.from},
		{Name: "method", Value: c.method, From: methodFrom},
	}
	if vocabularyFrom != "" {
		out = append(out, plan.Fact{Name: "target vocabulary", Value: fmt.Sprint(vocabulary), From: vocabularyFrom})
	}
	out = append(out, c.hidden...)
	for i := range c.req.Sources {
		s, l := &c.req.Sources[i], c.layouts[i]
		root := l.root
		if root == "" {
			root = "."
		}
		out = append(out, plan.Fact{Name: "parameters of " + s.Name, Value: root, From: fmt.Sprintf("its names; %s", holds[l.kind])})
		if l.scanned != "" {
			value := l.scanned
			if value == "scanned" {
				value = fmt.Sprintf("scanned along axis %d", c.axis)
			}
			out = append(out, plan.Fact{Name: "layers of " + s.Name, Value: value, From: "its names and shapes, or the spec"})
		}
		if a, ok := c.adapters[s.Name]; ok {
			out = append(out, plan.Fact{Name: "scale of " + s.Name, Value: a.scale(l), From: a.alphaFrom})
		}
	}
	return out
}
