package spec

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// The words that arguments of a conversion take.
var (
	methods    = []string{"merge", "base", "adapter"}
	dtypes     = []string{"float32", "bfloat16", "float16", "mixed", "source"}
	ruleDTypes = []string{"float32", "bfloat16", "float16", "source"}
	missing    = []string{"fill"}
)

var conversionBody = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{
		{Name: "for_each"}, {Name: "method"}, {Name: "source"}, {Name: "adapters"}, {Name: "dtype"},
		{Name: "allow_nonfinite"}, {Name: "missing_chunks"},
	},
	Blocks: []hcl.BlockHeaderSchema{
		{Type: "rule", LabelNames: []string{"name"}},
		{Type: "compute"},
		{Type: "output", LabelNames: []string{"format"}},
		{Type: "check", LabelNames: []string{"kind"}},
		{Type: "expect", LabelNames: []string{"name"}},
	},
}

func (l *loader) buildConversions(f *File, blocks []*hcl.Block) {
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		name := b.Labels[0]
		fine := l.identifier("a conversion", name, b.LabelRanges[0])
		fine = l.once(seen, name, b.DefRange, fmt.Sprintf("Conversion %q", name)) && fine
		c := l.open(b.Body, conversionBody)
		each, ok := l.forEach(c.Attributes["for_each"])
		if !ok {
			each = nil
		}
		for _, inst := range each {
			conv := l.conversion(b, c, inst)
			if fine {
				f.Conversions = append(f.Conversions, conv)
			}
		}
	}
	l.distinctOutputs(f)
}

func (l *loader) conversion(b *hcl.Block, c *hcl.BodyContent, inst *instance) *Conversion {
	s := scope{each: inst}
	conv := &Conversion{Name: inst.name(b.Labels[0]), Range: place(b.DefRange)}
	conv.Method = l.word(c.Attributes["method"], methods, s)
	conv.DType = l.word(c.Attributes["dtype"], dtypes, s)
	if a := l.need(c, "source", b.DefRange, header(b)); a != nil {
		conv.Source, _ = l.reference(a.Expr, s)
	}
	if a := c.Attributes["adapters"]; a != nil {
		conv.Adapters = l.adapters(a, s)
	}
	conv.AllowNonFinite, conv.NonFiniteGlobs = l.globs(c.Attributes["allow_nonfinite"], '.', s)
	conv.FillMissing = l.word(c.Attributes["missing_chunks"], missing, s) == "fill"
	conv.Compute = Compute{Memory: DefaultMemory}

	var outputs, computes []*hcl.Block
	names := map[string]hcl.Range{}
	for _, n := range c.Blocks {
		switch n.Type {
		case "rule":
			if l.once(names, header(n), n.DefRange, header(n)) {
				conv.Rules = append(conv.Rules, l.rule(n, s))
			}
		case "compute":
			computes = append(computes, n)
		case "output":
			outputs = append(outputs, n)
		case "check":
			if k := l.check(n, s); k != nil {
				conv.Checks = append(conv.Checks, k)
			}
		case "expect":
			if l.once(names, header(n), n.DefRange, header(n)) {
				if e := l.expect(n, s); e != nil {
					conv.Expects = append(conv.Expects, e)
				}
			}
		}
	}
	for i, n := range computes {
		if i > 0 {
			l.faults.errorf(n.DefRange, codeDuplicate, "Defined twice", "A conversion has at most one compute block.")
			continue
		}
		conv.Compute = l.compute(n, s)
	}
	for i, n := range outputs {
		if i > 0 {
			l.faults.errorf(n.DefRange, codeDuplicate, "Defined twice", "A conversion has exactly one output block; this is number %d. Write a second conversion for a second output.", i+1)
			continue
		}
		conv.Output = l.output(n, conv.Name, inst)
	}
	if len(outputs) == 0 {
		l.faults.errorf(b.DefRange, codeMissingBlock, "Missing output", "%s has no output block: output \"FORMAT\" { path = \"…\" }.", header(b))
	}
	return conv
}

// adapters reads a list whose elements are references, or objects with a
// reference and a weight.
func (l *loader) adapters(a *hcl.Attribute, s scope) []Adapter {
	list, ok := unmeter(l.native(a.Expr)).(*hclsyntax.TupleConsExpr)
	if !ok {
		l.faults.errorf(a.Expr.Range(), codeReference, "Not a list", "\"adapters\" is a list of sources, written [source.PLUGIN.NAME, …].")
		return nil
	}
	var out []Adapter
	for _, e := range list.Exprs {
		ad := Adapter{Weight: 1, Range: place(e.Range())}
		var ok bool
		if obj, isObj := unmeter(e).(*hclsyntax.ObjectConsExpr); isObj {
			ad, ok = l.weighted(obj, s)
		} else {
			ad.Source, ok = l.reference(l.fromList(e), s)
		}
		if !ok {
			continue
		}
		for _, before := range out {
			if before.Source != nil && before.Source == ad.Source {
				l.faults.errorf(e.Range(), codeDuplicate, "Adapter named twice", "Source %q is in \"adapters\" already; give one element with the weight that is meant.", ad.Source.Name)
			}
		}
		out = append(out, ad)
	}
	return out
}

// fromList gives a string of a JSON list the meaning that it has as an
// argument of its own.
func (l *loader) fromList(e hclsyntax.Expression) hcl.Expression {
	e = unmeter(e)
	if lit, ok := e.(*hclsyntax.LiteralValueExpr); ok && lit.Val.Type() == cty.String && lit.Val.IsKnown() && !lit.Val.IsNull() {
		return l.parseText(lit.Val.AsString(), lit.SrcRange, hclsyntax.LexExpression, hclsyntax.ParseExpression)
	}
	if w, ok := e.(*hclsyntax.TemplateWrapExpr); ok {
		return unmeter(w.Wrapped)
	}
	return e
}

// weighted reads { source = source.x.y, weight = 0.5 }.
func (l *loader) weighted(obj *hclsyntax.ObjectConsExpr, s scope) (Adapter, bool) {
	ad := Adapter{Weight: 1, Range: place(obj.SrcRange)}
	found, good := false, true
	for _, item := range obj.Items {
		name := hcl.ExprAsKeyword(item.KeyExpr)
		if k, ok := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok && name == "" {
			name, _ = literal(k.Wrapped)
		}
		a := &hcl.Attribute{Name: name, Expr: item.ValueExpr, NameRange: item.KeyExpr.Range()}
		switch name {
		case "source":
			var ok bool
			ad.Source, ok = l.reference(l.fromList(item.ValueExpr), s)
			found, good = true, good && ok
		case "weight":
			if w := l.number(a, s); w != nil {
				ad.Weight = *w
			}
		default:
			good = false
			l.faults.errorf(a.NameRange, codeArgument, "Unsupported argument", "An element of \"adapters\" has source and weight only, not %q.%s", name, didYouMean(name, []string{"source", "weight"}))
		}
	}
	if !found {
		l.faults.errorf(obj.SrcRange, codeMissing, "Missing argument", "An element of \"adapters\" needs the argument \"source\".")
	}
	return ad, found && good
}

var ruleBody = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "match"}, {Name: "match_regex"}, {Name: "dtype"}, {Name: "scale"}, {Name: "merge"}}}

func (l *loader) rule(b *hcl.Block, s scope) Rule {
	c := l.open(b.Body, ruleBody)
	r := Rule{Name: b.Labels[0], Range: place(b.DefRange)}
	match, re := c.Attributes["match"], c.Attributes["match_regex"]
	switch {
	case match == nil && re == nil:
		l.faults.errorf(b.DefRange, codeMissing, "Missing argument", "%s needs the argument \"match\" (globs) or \"match_regex\".", header(b))
	case match != nil && re != nil:
		l.faults.errorf(re.Range, codeDuplicate, "Two ways to match", "%s has both \"match\" and \"match_regex\"; keep one.", header(b))
	case match != nil:
		r.Match, r.Globs = l.globs(match, '.', s)
	default:
		r.MatchRegex, r.Regex = l.regex(re, s)
	}
	r.DType = l.word(c.Attributes["dtype"], ruleDTypes, s)
	r.Scale = l.number(c.Attributes["scale"], s)
	if v, absent, ok := l.typed(c.Attributes["merge"], cty.Bool, s); !absent && ok {
		if v, _ = v.Unmark(); v.IsKnown() {
			merge := v.True()
			r.Merge = &merge
		}
	}
	if c.Attributes["dtype"] == nil && c.Attributes["scale"] == nil && c.Attributes["merge"] == nil {
		l.faults.errorf(b.DefRange, codeMissing, "Rule changes nothing", "%s needs at least one of \"dtype\", \"scale\" and \"merge\".", header(b))
	}
	return r
}

// regex compiles an RE2 pattern of bounded size.
func (l *loader) regex(a *hcl.Attribute, s scope) (string, *regexp.Regexp) {
	text, known := l.text(a, s)
	if !known {
		return "", nil
	}
	_, err := programSize(text)
	if err == nil {
		var re *regexp.Regexp
		if re, err = regexp.Compile(text); err == nil {
			return text, re
		}
	}
	l.faults.errorf(a.Expr.Range(), codeRegex, "Invalid regular expression", "%q is not a regular expression in RE2 syntax: %s.", a.Name, l.reason(a, s, err))
	return "", nil
}

var computeBody = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "memory"}, {Name: "workers"}}}

func (l *loader) compute(b *hcl.Block, s scope) Compute {
	c := l.open(b.Body, computeBody)
	out := Compute{Memory: DefaultMemory}
	if a := c.Attributes["memory"]; a != nil {
		if text, known := l.text(a, s); known {
			n, err := ParseSize(text)
			switch {
			case err != nil:
				l.faults.errorf(a.Expr.Range(), codeValue, "Invalid size", "%s.", l.reason(a, s, err))
			case n < MinMemory:
				l.faults.errorf(a.Expr.Range(), codeValue, "Too little memory", "\"memory\" is at least 128MiB, found %s.", l.reason(a, s, fmt.Errorf("%q", text)))
			default:
				out.Memory = n
			}
		}
	}
	if n := l.whole(c.Attributes["workers"], 1, MaxWorkers, s); n != nil {
		out.Workers = int(*n)
	}
	return out
}

// outputBody is what every output has, whatever its format.
var outputBody = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "path"}}}

// output reads what every output has; its body stays closed.
func (l *loader) output(b *hcl.Block, conversion string, inst *instance) *Output {
	o := &Output{Format: b.Labels[0], Range: place(b.DefRange), conversion: conversion, block: b, each: inst}
	l.identifier("an output format", o.Format, b.LabelRanges[0])
	c, _, diags := b.Body.PartialContent(outputBody)
	l.faults.hcl(diags, false)
	if a := l.need(c, "path", b.DefRange, header(b)); a != nil {
		o.Path, o.Unknown = l.path(a, scope{each: inst})
	}
	return o
}

// distinctOutputs refuses two conversions that write to one place, or one into
// the output of another: an output is published whole, and nothing is added
// to it later.
func (l *loader) distinctOutputs(f *File) {
	var before []*Conversion
	for _, c := range f.Conversions {
		if c.Output == nil || c.Output.Path == "" {
			continue
		}
		for _, b := range before {
			switch at, a, o := c.Output.block.DefRange, c.Output.Path, b.Output.Path; {
			case a == o:
				l.faults.errorf(at, codeDuplicate, "Two conversions, one output", "Conversion %q writes to the path of conversion %q. Each needs a path of its own.", c.Name, b.Name)
			case inside(a, o) || inside(o, a):
				l.faults.errorf(at, codeDuplicate, "One output inside another", "The outputs of conversions %q and %q lie one inside the other. Each needs a directory of its own.", c.Name, b.Name)
			default:
				continue
			}
			break
		}
		before = append(before, c)
	}
}

// inside reports whether path a is below path b.
func inside(a, b string) bool {
	return strings.HasPrefix(a, strings.TrimSuffix(b, string(filepath.Separator))+string(filepath.Separator))
}
