package rule

import (
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/tensor"
)

// attrs gives typed access to the attributes of a body; any not in allowed is
// an error.
func (p *parser) attrs(b *hclsyntax.Body, allowed ...string) attrs {
	for _, k := range keys(b) {
		ok := false
		for _, x := range allowed {
			ok = ok || x == k
		}
		if !ok {
			p.fail(b.Attributes[k].SrcRange, "unknown argument %q", k)
		}
	}
	return attrs{p, b}
}

func keys(b *hclsyntax.Body) []string {
	out := make([]string, 0, len(b.Attributes))
	for k := range b.Attributes {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

type attrs struct {
	p *parser
	b *hclsyntax.Body
}

func (a attrs) value(k string) (cty.Value, hcl.Range, bool) {
	at, ok := a.b.Attributes[k]
	if !ok {
		return cty.NilVal, hcl.Range{}, false
	}
	v, diags := at.Expr.Value(nil)
	if diags.HasErrors() {
		a.p.fail(at.SrcRange, "%s: %s", k, diags[0].Detail)
		return cty.NilVal, at.SrcRange, false
	}
	return v, at.SrcRange, true
}

func (a attrs) str(k string) string {
	v, r, ok := a.value(k)
	if !ok {
		return ""
	}
	if v.Type() != cty.String || v.IsNull() {
		a.p.fail(r, "%s must be a string", k)
		return ""
	}
	return v.AsString()
}

// floatType is the name of an element type that holds fractions.
func (a attrs) floatType(k string) string {
	s := a.str(k)
	if d, err := tensor.ParseDType(s); s != "" && (err != nil || d.Kind() != tensor.KindFloat) {
		a.p.fail(a.b.Attributes[k].SrcRange, "%s is %q, wanted a floating-point type such as \"float32\" or \"bfloat16\"", k, s)
	}
	return s
}

func (a attrs) need(k string) string {
	if _, ok := a.b.Attributes[k]; !ok {
		a.p.fail(a.b.SrcRange, "argument %q is required", k)
	}
	return a.str(k)
}

// name reports a key that cannot be a letter or a capture.
func (p *parser) name(r hcl.Range, arg, key string) {
	if !IsName(key) {
		p.fail(r, "%s: %q is not a name", arg, key)
	}
}

func (a attrs) bool(k string) bool {
	v, r, ok := a.value(k)
	if !ok {
		return false
	}
	if v.Type() != cty.Bool || v.IsNull() {
		a.p.fail(r, "%s must be true or false", k)
		return false
	}
	return v.True()
}

func (a attrs) list(k string) []string {
	v, r, ok := a.value(k)
	if !ok {
		return nil
	}
	return a.p.stringList(v, r, k)
}

func (p *parser) stringList(v cty.Value, r hcl.Range, k string) []string {
	out := []string{}
	if !v.CanIterateElements() {
		p.fail(r, "%s must be a list of strings", k)
		return out
	}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if e.Type() != cty.String || e.IsNull() {
			p.fail(r, "%s must be a list of strings", k)
			return out
		}
		out = append(out, e.AsString())
	}
	return out
}

func (a attrs) lists(k string) map[string][]string {
	v, r, ok := a.value(k)
	if !ok {
		return nil
	}
	if !v.Type().IsObjectType() {
		a.p.fail(r, "%s must be an object", k)
		return nil
	}
	out := map[string][]string{}
	for name, e := range v.AsValueMap() {
		a.p.name(r, k, name)
		out[name] = a.p.stringList(e, r, k)
	}
	return out
}

func (a attrs) strings(k string) map[string]string {
	v, r, ok := a.value(k)
	if !ok {
		return nil
	}
	out := map[string]string{}
	if !v.Type().IsObjectType() {
		a.p.fail(r, "%s must be an object of strings", k)
		return nil
	}
	for name, e := range v.AsValueMap() {
		if e.Type() != cty.String || e.IsNull() {
			a.p.fail(r, "%s must be an object of strings", k)
			return nil
		}
		a.p.name(r, k, name)
		out[name] = e.AsString()
	}
	return out
}

func (a attrs) expr(k string) *Expr {
	at, ok := a.b.Attributes[k]
	if !ok {
		return nil
	}
	return a.p.exprAt(at.Expr)
}

func (p *parser) exprAt(x hclsyntax.Expression) *Expr {
	r := x.Range()
	e := &Expr{text: strings.TrimSpace(p.src[r.Start.Byte:r.End.Byte]), x: x}
	if n := r.End.Byte - r.Start.Byte; n > maxExpr {
		p.fail(r, "%v", tooLong(n))
	} else if err := e.check(); err != nil {
		p.fail(r, "%v", err)
	}
	return e
}

// exprs reads an object whose values are expressions.
func (a attrs) exprs(k string) map[string]*Expr {
	at, ok := a.b.Attributes[k]
	if !ok {
		return nil
	}
	obj, ok := at.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		a.p.fail(at.SrcRange, "%s must be an object", k)
		return nil
	}
	out := map[string]*Expr{}
	for _, it := range obj.Items {
		key, diags := it.KeyExpr.Value(nil)
		if diags.HasErrors() || key.Type() != cty.String {
			a.p.fail(at.SrcRange, "%s: a key is not a plain name", k)
			return nil
		}
		a.p.name(at.SrcRange, k, key.AsString())
		if out[key.AsString()] != nil {
			a.p.fail(at.SrcRange, "%s: %q stands twice", k, key.AsString())
		}
		out[key.AsString()] = a.p.exprAt(it.ValueExpr)
	}
	return out
}
