package spec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// metered is an expression whose evaluation is counted. What it embeds is the
// expression in parentheses, so that walks over the tree still see it.
type metered struct {
	hclsyntax.Expression
	raw  hclsyntax.Expression
	m    *meter
	deep bool // charge the value with all its elements; else one
	// number says that texts in the value are about to be read as numbers,
	// which takes time that grows with the square of their length.
	number bool
}

func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if !e.m.step() {
		return cty.DynamicVal, e.tooCostly()
	}
	v, diags := e.raw.Value(ctx)
	if !diags.HasErrors() {
		if e.deep {
			e.m.charge(v)
		} else {
			e.m.addValues(1)
		}
	}
	if e.number && longText(v, maxDigits) {
		e.m.spend(longDigits)
	}
	if e.m.spent != "" {
		return cty.DynamicVal, e.tooCostly()
	}
	return v, diags
}

func (e *metered) tooCostly() hcl.Diagnostics {
	r := e.raw.Range()
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: costSummary, Detail: e.m.spent, Subject: &r}}
}

// unmeter returns the expression itself.
func unmeter(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		m, ok := e.(*metered)
		if !ok {
			return e
		}
		e = m.raw
	}
}

// measure rewrites a tree so that its evaluation is counted by m. The tree is
// changed in place. Fors within fors beyond maxFor are reported by nested.
func measure(e hclsyntax.Expression, m *meter, fors int, nested func(hcl.Range)) hclsyntax.Expression {
	switch e.(type) {
	case nil, *metered, *hclsyntax.LiteralValueExpr, *hclsyntax.AnonSymbolExpr:
		return e
	}
	w := &measurer{m, fors, nested}
	w.parts(e)
	return wrap(e, m, makesAll(e))
}

// measurer rewrites what is within one expression.
type measurer struct {
	m      *meter
	fors   int // that it is within
	nested func(hcl.Range)
}

func (w *measurer) part(p *hclsyntax.Expression) {
	if *p != nil {
		*p = measure(*p, w.m, w.fors, w.nested)
	}
}

// number is a part that is read as a number.
func (w *measurer) number(p *hclsyntax.Expression) {
	w.part(p)
	if *p == nil {
		return
	}
	x, ok := (*p).(*metered)
	if !ok {
		x = wrap(*p, w.m, false)
		*p = x
	}
	x.number = true
}

// turn is a part that each turn of a for evaluates; a literal, too, costs once
// a turn.
func (w *measurer) turn(p *hclsyntax.Expression) {
	if *p == nil {
		return
	}
	if w.part(p); *p == unmeter(*p) {
		*p = wrap(*p, w.m, false)
	}
}

func (w *measurer) parts(e hclsyntax.Expression) {
	switch t := e.(type) {
	case *hclsyntax.RelativeTraversalExpr:
		w.part(&t.Source)
	case *hclsyntax.FunctionCallExpr:
		for i := range t.Args {
			if takesNumber(t.Name, i) {
				w.number(&t.Args[i])
			} else {
				w.part(&t.Args[i])
			}
		}
	case *hclsyntax.ConditionalExpr:
		w.part(&t.Condition)
		w.part(&t.TrueResult)
		w.part(&t.FalseResult)
	case *hclsyntax.IndexExpr:
		w.part(&t.Collection)
		w.number(&t.Key)
	case *hclsyntax.TupleConsExpr:
		for i := range t.Exprs {
			w.part(&t.Exprs[i])
		}
	case *hclsyntax.ObjectConsExpr:
		for i := range t.Items {
			w.key(&t.Items[i].KeyExpr)
			w.part(&t.Items[i].ValueExpr)
		}
	case *hclsyntax.ForExpr:
		if w.fors++; w.fors > maxFor {
			w.nested(t.SrcRange)
		}
		w.part(&t.CollExpr)
		w.turn(&t.KeyExpr)
		w.turn(&t.ValExpr)
		w.turn(&t.CondExpr)
	case *hclsyntax.SplatExpr:
		w.part(&t.Source)
		w.part(&t.Each)
	case *hclsyntax.TemplateExpr:
		for i := range t.Parts {
			w.part(&t.Parts[i])
		}
	case *hclsyntax.TemplateJoinExpr:
		w.part(&t.Tuple)
	case *hclsyntax.TemplateWrapExpr:
		w.part(&t.Wrapped)
	case *hclsyntax.BinaryOpExpr:
		operand := w.number
		if compares(t) {
			operand = w.part
		}
		operand(&t.LHS)
		operand(&t.RHS)
	case *hclsyntax.UnaryOpExpr:
		w.number(&t.Val)
	case *hclsyntax.ParenthesesExpr:
		w.part(&t.Expression)
	}
}

// key is the key of an object's element; a bare word is not evaluated.
func (w *measurer) key(p *hclsyntax.Expression) {
	k, ok := (*p).(*hclsyntax.ObjectConsKeyExpr)
	switch {
	case !ok:
		w.part(p)
	case hcl.ExprAsKeyword(k.Wrapped) == "":
		w.part(&k.Wrapped)
	}
}

// makesAll reports whether an expression makes or reads all that is in its
// value. Others hand on what a part of them has made.
func makesAll(e hclsyntax.Expression) bool {
	switch t := e.(type) {
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.RelativeTraversalExpr, *hclsyntax.FunctionCallExpr, *hclsyntax.IndexExpr,
		*hclsyntax.SplatExpr, *hclsyntax.TemplateExpr, *hclsyntax.TemplateJoinExpr, *hclsyntax.UnaryOpExpr:
		return true
	case *hclsyntax.BinaryOpExpr:
		return !compares(t)
	}
	return false
}

// compares reports whether the operands may be of any type.
func compares(e *hclsyntax.BinaryOpExpr) bool {
	return e.Op == hclsyntax.OpEqual || e.Op == hclsyntax.OpNotEqual
}

// takesNumber reports whether an argument of a function is read as a number.
func takesNumber(name string, i int) bool {
	f, ok := pure[name]
	if !ok {
		return false
	}
	if params := f.Params(); i < len(params) {
		return name == "tonumber" || holdsNumber(params[i].Type)
	}
	v := f.VarParam()
	return v != nil && holdsNumber(v.Type)
}

func wrap(e hclsyntax.Expression, m *meter, deep bool) *metered {
	return &metered{Expression: &hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}, raw: e, m: m, deep: deep}
}
