package spec

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// What evaluating one spec may cost. A for over a for over ranges, a local
// that doubles another thirty times, or format("%999999999d") would otherwise
// take all memory from a spec of a few hundred bytes.
const (
	maxSteps  = 200_000  // expressions evaluated
	maxValues = 200_000  // elements of collections made or read
	maxText   = 16 << 20 // bytes of text made or read
	maxExp    = 4096     // binary exponent of a number
)

const costSummary = "Expression too costly"

// meter counts what evaluation has cost. Once it is spent every further
// evaluation fails, so that try() cannot hide it.
type meter struct {
	steps, values, text int
	spent               string // why, or ""
}

func (m *meter) step() bool {
	m.steps++
	if m.steps > maxSteps {
		m.spend(fmt.Sprintf("Evaluating this spec takes more than %d steps.", maxSteps))
	}
	return m.spent == ""
}

func (m *meter) spend(why string) {
	if m.spent == "" {
		m.spent = why
	}
}

func (m *meter) addText(n int) {
	if m.text += n; m.text > maxText || m.text < 0 {
		m.spend("Evaluating this spec makes more than 16 MiB of text.")
	}
}

func (m *meter) addValues(n int) {
	if m.values += n; m.values > maxValues || m.values < 0 {
		m.spend(fmt.Sprintf("Evaluating this spec makes more than %d elements.", maxValues))
	}
}

// charge counts a value with all that is in it, every element as often as it
// occurs.
func (m *meter) charge(v cty.Value) {
	v, _ = v.Unmark()
	m.addValues(1)
	if m.spent != "" || !v.IsKnown() || v.IsNull() {
		return
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		m.addText(len(v.AsString()))
	case ty == cty.Number:
		if f := v.AsBigFloat(); hugeNumber(f) {
			m.spend("A number has more than 4096 binary digits before or after the point.")
		}
	case ty.IsCollectionType() || ty.IsObjectType() || ty.IsTupleType():
		for it := v.ElementIterator(); it.Next() && m.spent == ""; {
			k, e := it.Element()
			if k.Type() == cty.String {
				m.charge(k)
			}
			m.charge(e)
		}
	}
}

// maxDigits is the length of the longest text that is read as a number.
const maxDigits = 1024

const longDigits = "A text of more than 1024 bytes stands where a number is expected."

// longText reports whether a value holds a text longer than n.
func longText(v cty.Value, n int) bool {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	if v.Type() == cty.String {
		return len(v.AsString()) > n
	}
	if v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			if _, e := it.Element(); longText(e, n) {
				return true
			}
		}
	}
	return false
}

// holdsNumber reports whether a type is number, or has one in it.
func holdsNumber(ty cty.Type) bool {
	switch {
	case ty == cty.Number:
		return true
	case ty.IsCollectionType():
		return holdsNumber(ty.ElementType())
	case ty.IsTupleType():
		return slices.ContainsFunc(ty.TupleElementTypes(), holdsNumber)
	case ty.IsObjectType():
		for _, t := range ty.AttributeTypes() {
			if holdsNumber(t) {
				return true
			}
		}
	}
	return false
}

func hugeNumber(f *big.Float) bool {
	if f.IsInf() {
		return false // reported where it is used
	}
	e := f.MantExp(nil)
	return e > maxExp || e < -maxExp
}

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
	sub := func(p *hclsyntax.Expression, n int) {
		if *p != nil {
			*p = measure(*p, m, n, nested)
		}
	}
	number := func(p *hclsyntax.Expression) {
		sub(p, fors)
		if x, ok := (*p).(*metered); ok {
			x.number = true
		} else if *p != nil {
			x := wrap(*p, m, false)
			x.number = true
			*p = x
		}
	}
	deep := false
	switch t := e.(type) {
	case nil, *metered, *hclsyntax.LiteralValueExpr, *hclsyntax.AnonSymbolExpr:
		return e
	case *hclsyntax.ScopeTraversalExpr:
		deep = true
	case *hclsyntax.RelativeTraversalExpr:
		sub(&t.Source, fors)
		deep = true
	case *hclsyntax.FunctionCallExpr:
		for i := range t.Args {
			if takesNumber(t.Name, i) {
				number(&t.Args[i])
			} else {
				sub(&t.Args[i], fors)
			}
		}
		deep = true
	case *hclsyntax.ConditionalExpr:
		sub(&t.Condition, fors)
		sub(&t.TrueResult, fors)
		sub(&t.FalseResult, fors)
	case *hclsyntax.IndexExpr:
		sub(&t.Collection, fors)
		number(&t.Key)
		deep = true
	case *hclsyntax.TupleConsExpr:
		for i := range t.Exprs {
			sub(&t.Exprs[i], fors)
		}
	case *hclsyntax.ObjectConsExpr:
		for i := range t.Items {
			if k, ok := t.Items[i].KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok {
				if hcl.ExprAsKeyword(k.Wrapped) == "" {
					sub(&k.Wrapped, fors)
				}
			} else {
				sub(&t.Items[i].KeyExpr, fors)
			}
			sub(&t.Items[i].ValueExpr, fors)
		}
	case *hclsyntax.ForExpr:
		fors++
		if fors > maxFor {
			nested(t.SrcRange)
		}
		sub(&t.CollExpr, fors)
		for _, p := range []*hclsyntax.Expression{&t.KeyExpr, &t.ValExpr, &t.CondExpr} {
			if *p == nil {
				continue
			}
			if sub(p, fors); *p == unmeter(*p) { // a literal, too, costs once a turn
				*p = wrap(*p, m, false)
			}
		}
	case *hclsyntax.SplatExpr:
		sub(&t.Source, fors)
		sub(&t.Each, fors)
		deep = true
	case *hclsyntax.TemplateExpr:
		for i := range t.Parts {
			sub(&t.Parts[i], fors)
		}
		deep = true
	case *hclsyntax.TemplateJoinExpr:
		sub(&t.Tuple, fors)
		deep = true
	case *hclsyntax.TemplateWrapExpr:
		sub(&t.Wrapped, fors)
	case *hclsyntax.BinaryOpExpr:
		if t.Op == hclsyntax.OpEqual || t.Op == hclsyntax.OpNotEqual {
			sub(&t.LHS, fors)
			sub(&t.RHS, fors)
			break
		}
		number(&t.LHS)
		number(&t.RHS)
		deep = true
	case *hclsyntax.UnaryOpExpr:
		number(&t.Val)
		deep = true
	case *hclsyntax.ParenthesesExpr:
		sub(&t.Expression, fors)
	}
	return wrap(e, m, deep)
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
