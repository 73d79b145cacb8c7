package maxtext

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk/rules"
)

// hidden are the facts that neither names nor shapes tell.
type hidden struct {
	values  map[string]cty.Value
	unknown map[string]*diag.Diagnostic
	print   []plan.Fact
}

func (h *hidden) number(name, label string, v int, from string) {
	h.values[name] = cty.NumberIntVal(int64(v))
	h.print = append(h.print, plan.Fact{Name: label, Value: fmt.Sprint(v), From: from})
}

// choices are arguments of the source block for factors that the importer
// folded into the weights. The tables that have such a factor define what the
// importer does; rows print what they use.
var choices = []struct{ name, wanted string }{
	{"query_scale", "a positive number"},
	{"embedding_scale", "a positive number"},
	{"norm_offset", "0 or 1"},
}

// settleChoices takes over what the source block says of factors.
func (c *conversion) settleChoices(t *rule.Table, h *hidden) {
	s := &c.req.Sources[0]
	for _, ch := range choices {
		v, said := s.Args[ch.name].(float64)
		has := slices.ContainsFunc(t.Defines, func(d rule.Define) bool { return d.Name == ch.name })
		if !said {
			if has && ch.name == "query_scale" {
				c.warnQueryScale()
			}
			continue
		}
		fits := v > 0
		if ch.name == "norm_offset" {
			fits = v == 0 || v == 1
		}
		switch {
		case !has:
			c.fail(diag.Usage, "spec-contradicts", "The model has no such factor", c.source(s, ch.name), "%s = %v: the table of %s has no choice there", ch.name, v, c.family.name)
		case !fits:
			c.fail(diag.Usage, "spec-contradicts", "The factor cannot be", c.source(s, ch.name), "%s = %v, wanted %s", ch.name, v, ch.wanted)
		default:
			h.values[ch.name] = cty.NumberFloatVal(v)
		}
	}
}

// warnQueryScale warns where the template divides queries by another number
// than the importer folded in, as Gemma 2 27b does.
func (c *conversion) warnQueryScale() {
	scalar, _, ok := c.configNumber("query_pre_attn_scalar")
	dim, _, ok2 := c.configNumber("head_dim")
	if !ok || !ok2 || scalar == dim {
		return
	}
	s := &c.req.Sources[0]
	c.resp.Diagnostics.Warnf("query-scale", "The template scales queries by another number", "the template's query_pre_attn_scalar is %d and head_dim is %d: queries are multiplied by the square root of %d, which undoes the importer and gives back what was published; for weights that another importer scaled by %d, or that were trained in MaxText from the beginning, say query_scale = sqrt(%d) = %.9g in the source block", scalar, dim, dim, scalar, scalar, math.Sqrt(float64(scalar))).Path = c.source(s)
}

// settleLinearHeads finds how the columns of linear attention are parted: by
// the template's config, else as the published model is.
func (c *conversion) settleLinearHeads(h *hidden) {
	heads, key, ok := c.configNumber("linear_num_key_heads")
	dim, _, ok2 := c.configNumber("linear_key_head_dim")
	from := "the template's " + key
	if !ok || !ok2 {
		var p size
		p, from = c.published()
		heads, dim, ok, ok2 = p.keyHeads, p.keyHeadDim, true, true
	}
	if ok && ok2 && heads > 0 && dim > 0 {
		h.number("linear_key_heads", "linear key heads", heads, from)
		h.number("linear_key_head_dim", "linear key head dim", dim, from)
		return
	}
	d := &diag.Diagnostic{
		Severity: diag.Error, Class: diag.Usage, Code: rules.CodeUnknown, Summary: "The key heads of linear attention are not known",
		Detail: "their number is in no shape: name a template whose config.json has linear_num_key_heads and linear_key_head_dim, or a published model (qwen3.5-35b-a3b, qwen3.5-397b-a17b) in the source block",
		Path:   c.output("template"),
	}
	h.unknown["linear_key_heads"], h.unknown["linear_key_head_dim"] = d, d
}

// settleHidden gathers what a table may ask for.
func (c *conversion) settleHidden(t *rule.Table, vocabulary int) *hidden {
	spelling := c.spelling()
	h := &hidden{unknown: map[string]*diag.Diagnostic{}, values: map[string]cty.Value{
		rules.FactStackAxis: cty.NumberIntVal(int64(c.axis)),
		"vocabulary":        cty.NumberIntVal(int64(vocabulary)),
		"language_model":    cty.StringVal(spelling),
		"tower":             cty.StringVal(towerOf(spelling)),
		"tied_head":         cty.BoolVal(c.wantsTiedHead()),
		"variable_axis":     cty.NumberIntVal(int64(c.variableAxis())),
		"fused_experts":     cty.BoolVal(c.wantsFusedExperts()),
	}}
	c.settleChoices(t, h)
	if c.family.name == "qwen3_5" {
		c.settleLinearHeads(h)
	}
	return h
}

// towerOf is what stands before a vision tower's names where the language
// model's begin with spelling: files keep one spelling throughout.
func towerOf(spelling string) string {
	switch {
	case strings.HasPrefix(spelling, "language_model."):
		return ""
	case strings.HasPrefix(spelling, "thinker."):
		return "thinker."
	}
	return "model."
}

// maxPadding is how many rows of padding a vocabulary may have: MaxText pads
// to a multiple of 128 or 256.
const maxPadding = 256

// vocabulary is how many rows of the embedding the target has: what the
// template says, else all.
func (c *conversion) vocabulary() (int, string) {
	if c.alone {
		return c.vocabularyAlone()
	}
	rows := 1
	l := c.layouts[0]
	if t := l.params.Lookup(l.root + "token_embedder/embedding"); t != nil && len(t.Shape) == 2 {
		rows = t.Shape[0]
		if h := l.params.Lookup(l.root + "decoder/logits_dense/kernel"); h != nil && len(h.Shape) == 2 && h.Shape[1] != rows {
			c.fail(diag.Keys, "shape-mismatch", "A parameter's shape does not fit", c.source(&c.req.Sources[0]), "%s %v is for %d tokens, %s %v for %d", t.Name, t.Shape, rows, h.Name, h.Shape, h.Shape[1]).Tensor = t.Name
		}
	}
	if n, key, ok := c.configNumber("vocab_size"); ok && n > 0 {
		if n > rows || rows-n >= maxPadding {
			c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "the embedding of source %q has %d rows, the template's %s is %d", c.req.Sources[0].Name, rows, key, n)
		}
		return n, "the template's " + key
	}
	return rows, "the rows of token_embedder/embedding; without a template, padding is not told apart"
}

// wantsTiedHead reports a template that lists the head of a tied model.
func (c *conversion) wantsTiedHead() bool {
	tp := c.template()
	if tp == nil || c.alone || c.layouts[0].params.Lookup(c.layouts[0].root+"decoder/logits_dense/kernel") != nil {
		return false
	}
	for _, n := range tp.Names {
		if n == "lm_head.weight" {
			return tp.Config["tie_word_embeddings"] == true
		}
	}
	return false
}

// variableAxis is where layers of variables that are no parameters are stacked.
func (c *conversion) variableAxis() int {
	if l := c.layouts[0]; l.apart >= 0 {
		return l.apart
	}
	return c.axis
}

// wantsFusedExperts reports whether the target keeps all experts of a layer in
// one tensor: what the template lists, else what the exporter's mapping has.
func (c *conversion) wantsFusedExperts() bool {
	if tp := c.template(); tp != nil && len(tp.Names) > 0 {
		return slices.ContainsFunc(tp.Names, func(n string) bool { return strings.HasSuffix(n, ".experts.gate_up_proj") })
	}
	return c.layouts[0].scanned != "scanned"
}
