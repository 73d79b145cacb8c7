package spec

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// native turns an expression of a JSON spec into the tree that the same
// expression has in native syntax, so that one set of limits and checks holds
// for both. Strings are templates, as HCL's JSON syntax says. The HCL library
// would parse them anew at each evaluation, with no limit on their nesting.
func (l *loader) native(e hcl.Expression) hclsyntax.Expression {
	if n, ok := e.(hclsyntax.Expression); ok {
		return n
	}
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		obj := &hclsyntax.ObjectConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
		for _, p := range pairs {
			key := &hclsyntax.ObjectConsKeyExpr{Wrapped: l.native(p.Key), ForceNonLiteral: true}
			obj.Items = append(obj.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: l.native(p.Value)})
		}
		return obj
	}
	if items, diags := hcl.ExprList(e); !diags.HasErrors() {
		tup := &hclsyntax.TupleConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
		for _, item := range items {
			tup.Exprs = append(tup.Exprs, l.native(item))
		}
		return tup
	}
	v, diags := e.Value(nil) // without a context, strings come as they stand
	lit := &hclsyntax.LiteralValueExpr{Val: v, SrcRange: e.Range()}
	if diags.HasErrors() {
		l.faults.hcl(diags, false)
		lit.Val = cty.DynamicVal
		return lit
	}
	if v.Type() != cty.String || v.IsNull() {
		return lit
	}
	if s := v.AsString(); strings.Contains(s, "${") || strings.Contains(s, "%{") {
		return l.parseText(s, e.Range(), hclsyntax.LexTemplate, hclsyntax.ParseTemplate)
	}
	return lit
}

// literal returns the text of an expression that is a string without
// interpolation, in either syntax.
func literal(e hclsyntax.Expression) (string, bool) {
	switch t := unmeter(e).(type) {
	case *hclsyntax.LiteralValueExpr:
		if t.Val.Type() == cty.String && t.Val.IsKnown() && !t.Val.IsNull() {
			return t.Val.AsString(), true
		}
	case *hclsyntax.TemplateExpr:
		if t.IsStringLiteral() {
			v, diags := t.Value(nil)
			return v.AsString(), !diags.HasErrors()
		}
	}
	return "", false
}

// parseText scans and parses a piece of a JSON string. r is the whole string
// with its quotes.
func (l *loader) parseText(s string, r hcl.Range, lex lexer, parse func([]byte, string, hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics)) hclsyntax.Expression {
	bad := &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: r}
	start := r.Start
	start.Byte++
	start.Column++
	if lim := scan([]byte(s), r.Filename, start, lex); lim != nil {
		l.faults.errorf(r, lim.code, lim.summary("Text"), "%s", lim.text)
		l.broken[bad] = true
		return bad
	}
	e, diags := parse([]byte(s), r.Filename, start)
	l.faults.hcl(diags, true)
	if diags.HasErrors() {
		l.broken[bad] = true
		return bad
	}
	return e
}

// static returns an expression for arguments that are read by their form and
// not by their value: references and types. In JSON these are strings.
func (l *loader) static(e hcl.Expression) hclsyntax.Expression {
	if n, ok := e.(hclsyntax.Expression); ok {
		return unmeter(n)
	}
	n := l.native(e)
	if s, ok := literal(n); ok {
		return l.parseText(s, e.Range(), hclsyntax.LexExpression, hclsyntax.ParseExpression)
	}
	if w, ok := n.(*hclsyntax.TemplateWrapExpr); ok {
		return w.Wrapped
	}
	return n
}
