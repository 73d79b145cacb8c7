package maxtext

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/rules"
)

var peftSchema = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "base_model_name_or_path", Type: "string", Doc: "The base model that adapter_config.json names; null there unless said."},
		{Name: "task_type", Type: "string", Doc: "PEFT's task_type; CAUSAL_LM unless said."},
		{Name: "template", Type: "string", Path: true, Enum: []string{"none"}, Doc: "A local copy of the base model's repository, whose config.json and tensor names must fit. Nothing is copied from it."},
	},
}

// formats maps a method to the output that it writes.
var formats = map[string]string{"merge": "huggingface", "base": "huggingface", "adapter": "peft"}

// admitFormat refuses an output that the method does not write. An output
// "peft" alone says the method.
func (c *conversion) admitFormat() {
	format := c.req.Output.Format
	if format != "huggingface" && format != "peft" {
		c.fail(diag.Usage, "unknown-output", "The plugin writes no such output", c.output(), `found output %q, wanted "huggingface" or "peft"`, format)
		return
	}
	if c.req.Method == "" && format == "peft" {
		c.req.Method = "adapter"
	}
	if want, ok := formats[c.req.Method]; ok && format != want {
		c.fail(diag.Usage, "unknown-output", "The method writes another output", c.output(), `found output %q, but method = %q writes output %q`, format, c.req.Method, want)
	}
}

// noAdapter are modules without a form for LoRA in PEFT, and why.
var noAdapter = []struct {
	path *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`\.experts\.`), "PEFT has no form for LoRA on routed experts"},
	{regexp.MustCompile(`(^|\.)embed_tokens$`), "the factors of an embedding's LoRA have other names, which are not written"},
}

// module spells a module's path as transformers does, where files spell it
// otherwise: checkpoints of multimodal Gemma 3 keep an older spelling.
func (c *conversion) module(path string) (as, reason string) {
	for _, n := range noAdapter {
		if n.path.MatchString(path) {
			return "", n.why
		}
	}
	if rest, ok := strings.CutPrefix(path, "language_model.model."); ok {
		return "model.language_model." + rest, ""
	}
	if rest, ok := strings.CutPrefix(path, "language_model.lm_head"); ok {
		return "lm_head" + rest, ""
	}
	return path, ""
}

// loadedWrong matches, by the model_type of config.json, modules that PEFT with
// transformers 5 takes for fused routed experts or their router, whatever
// target_modules says: peft/utils/transformers_weight_conversion.py,
// _MOE_TARGET_MODULE_MAPPING, goes by how a target's name ends.
var loadedWrong = map[string]*regexp.Regexp{
	"deepseek_v2": fusedNames, "deepseek_v3": fusedNames, "deepseek_v32": fusedNames,
	"qwen3_moe": fusedNames, "qwen3_next": fusedNames, "qwen3_omni_moe": fusedNames,
	"mixtral": regexp.MustCompile(`\.(gate|w1|w2|w3)$`),
}

var fusedNames = regexp.MustCompile(`\.(gate_proj|up_proj|down_proj|gate)$`)

func (c *conversion) expandAdapter(in rules.Input) (*sdk.PlanResponse, error) {
	in.Module = c.module
	res, err := rules.Expand(in)
	if err != nil {
		return nil, err
	}
	c.resp.Diagnostics.Append(res.Diagnostics)
	c.resp.RulesHit = res.RulesHit
	if !c.resp.Diagnostics.HasErrors() {
		c.checkTemplate(&rules.Result{Tensors: res.Targets, Facts: res.Facts})
	}
	if !c.resp.Diagnostics.HasErrors() && len(res.Modules) == 0 {
		c.fail(diag.Usage, "no-lora", "The adapter would be empty", []string{"conversion", c.req.Conversion}, "no module has LoRA that is exported; do the conversion's rules leave all of it out?")
	}
	if c.resp.Diagnostics.HasErrors() {
		return c.resp, nil
	}
	c.warnLoadedWrong(res.Modules)
	config, err := c.adapterConfig(res.Modules)
	if err != nil {
		return nil, err
	}
	vocabulary, from := c.vocabulary()
	c.resp.Plan = &plan.Plan{
		Version:   plan.Version,
		Output:    plan.Output{Format: "peft", File: "adapter_model.safetensors"},
		Tensors:   res.Tensors,
		Drops:     res.Drops,
		Deltas:    res.Deltas,
		Documents: []plan.Document{{Path: "adapter_config.json", Content: config}},
		Facts:     append(c.facts(vocabulary, from), res.Facts...),
	}
	for i, s := range c.req.Sources {
		c.resp.Plan.Sources = append(c.resp.Plan.Sources, s.Name)
		c.resp.Plan.Drops = append(c.resp.Plan.Drops, c.layouts[i].drops...)
	}
	return c.resp, nil
}

func (c *conversion) warnLoadedWrong(ms []rules.Module) {
	n, first := 0, ""
	for _, m := range ms {
		if re := loadedWrong[c.family.configs[0]]; re != nil && re.MatchString(m.Path) {
			if n++; n == 1 {
				first = m.Path
			}
		}
	}
	if n > 0 {
		c.resp.Diagnostics.Warnf("peft-drops-modules", "PEFT may not load all of the adapter", "PEFT 0.21 with transformers 5 takes %d of the %d modules, such as %s, for routed experts or their router, and leaves them without their LoRA; the adapter is right, and a merged model is the safe way to serve it", n, len(ms), first).Path = c.output()
	}
}

// adapterConfig is what PEFT's LoraConfig reads. Modules whose rank or alpha is
// not the commonest stand in the patterns, whose keys PEFT matches as regular
// expressions at the end of a module's path.
type adapterConfig struct {
	AlphaPattern map[string]float64 `json:"alpha_pattern"`
	AutoMapping  *string            `json:"auto_mapping"`
	Base         *string            `json:"base_model_name_or_path"`
	Bias         string             `json:"bias"`
	FanInFanOut  bool               `json:"fan_in_fan_out"`
	Inference    bool               `json:"inference_mode"`
	InitWeights  bool               `json:"init_lora_weights"`
	Alpha        float64            `json:"lora_alpha"`
	Dropout      json.Number        `json:"lora_dropout"`
	SaveModules  []string           `json:"modules_to_save"`
	Type         string             `json:"peft_type"`
	Rank         int                `json:"r"`
	RankPattern  map[string]int     `json:"rank_pattern"`
	Revision     *string            `json:"revision"`
	Targets      []string           `json:"target_modules"`
	Task         string             `json:"task_type"`
	DoRA         bool               `json:"use_dora"`
	RSLoRA       bool               `json:"use_rslora"`
}

func (c *conversion) adapterConfig(ms []rules.Module) (string, error) {
	type form struct {
		rank  int
		alpha float64
	}
	count := map[form]int{}
	var most form
	sort.Slice(ms, func(i, j int) bool { return ms[i].Path < ms[j].Path })
	for _, m := range ms {
		f := form{m.Rank, m.Alpha}
		if count[f]++; count[f] > count[most] {
			most = f
		}
	}
	out := adapterConfig{
		AlphaPattern: map[string]float64{}, RankPattern: map[string]int{}, Bias: "none", Inference: true, InitWeights: true, Dropout: "0.0",
		Type: "LORA", Rank: most.rank, Alpha: most.alpha, Task: "CAUSAL_LM",
	}
	if s, ok := c.req.Output.Args["base_model_name_or_path"].(string); ok {
		out.Base = &s
	}
	if s, ok := c.req.Output.Args["task_type"].(string); ok {
		out.Task = s
	}
	for _, m := range ms {
		out.Targets = append(out.Targets, m.Path)
		key := "^" + regexp.QuoteMeta(m.Path)
		if m.Rank != most.rank {
			out.RankPattern[key] = m.Rank
		}
		if m.Alpha != most.alpha {
			out.AlphaPattern[key] = m.Alpha
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return "", fmt.Errorf("adapter_config.json: %w", err)
	}
	return string(b) + "\n", nil
}
