package spec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// expr is an expression that is ready to be evaluated.
type expr struct {
	root hclsyntax.Expression // measured
	uses []hcl.Traversal      // names from outside that it uses
	bad  bool                 // a fault was reported already
}

// expr prepares an expression, once.
func (l *loader) expr(e hcl.Expression) *expr {
	if x, ok := l.exprs[e]; ok {
		return x
	}
	n := l.native(e)
	x := &expr{uses: n.Variables(), bad: l.isBroken(n)}
	x.root = measure(n, &l.meter, 0, func(r hcl.Range) {
		x.bad = true
		l.faults.errorf(r, codeTooDeep, "Nested for", "A for within a for within a for: write the inner ones as local values of their own.")
	})
	l.exprs[e] = x
	return x
}

func (l *loader) isBroken(n hclsyntax.Expression) bool {
	if len(l.broken) == 0 {
		return false
	}
	bad := false
	hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics {
		if e, ok := n.(hclsyntax.Expression); ok && l.broken[e] {
			bad = true
		}
		return nil
	})
	return bad
}

// scope is what an expression sees besides the names of the whole spec.
type scope struct {
	each   *instance            // of for_each; nil outside
	extra  map[string]cty.Value // further roots, such as result
	closed bool                 // no var, local or source: constants only
}

// instance is one element of for_each.
type instance struct {
	key        string
	keyV, valV cty.Value
}

// eval evaluates an expression. ok is false when a fault was reported, now or
// for something that it depends on; the value is then unknown.
func (l *loader) eval(e hcl.Expression, s scope) (v cty.Value, ok bool) {
	x := l.expr(e)
	if x.bad {
		return cty.DynamicVal, false
	}
	ctx, ok := l.context(x.uses, s)
	if !ok {
		return cty.DynamicVal, false
	}
	v, diags := x.root.Value(ctx)
	if diags.HasErrors() {
		if marked(ctx) {
			for _, d := range diags {
				if d.Summary == "Error in function call" || d.Summary == "Invalid function argument" {
					d.Detail = "The call fails. A sensitive value is near, so the reason is not shown."
				}
			}
		}
		l.evalFaults(diags)
		return cty.DynamicVal, false
	}
	return v, true
}

// evalFaults reports faults of an evaluation. A spent meter is reported once,
// where it was spent.
func (l *loader) evalFaults(diags hcl.Diagnostics) {
	if l.meter.spent != "" {
		if l.overspent {
			return
		}
		l.overspent = true
		var r hcl.Range
		for _, d := range diags {
			if d.Subject != nil {
				r = *d.Subject
				break
			}
		}
		l.faults.errorf(r, codeTooCostly, costSummary, "%s", l.meter.spent)
		return
	}
	for _, d := range diags {
		if d.Summary == "Call to unknown function" && d.Subject != nil {
			l.unknownFunction(d)
			continue
		}
		if d.Summary == "Unsupported attribute" || d.Summary == "Invalid index" {
			d.Detail += nearAttribute(d)
		}
		l.faults.hcl(hcl.Diagnostics{d}, false)
	}
}

// unknownFunction says which function may be meant, and why some that other
// tools have are not there.
func (l *loader) unknownFunction(d *hcl.Diagnostic) {
	name := ""
	if call, ok := d.Extra.(interface{ CalledFunctionName() string }); ok {
		name = call.CalledFunctionName()
	}
	why := ""
	switch name {
	case "timestamp", "uuid", "uuidv4", "uuidv5", "env", "file", "formatdate", "timeadd", "bcrypt", "plantimestamp", "random", "legacy_isotime", "isotime":
		why = " A spec gives the same plan twice, so no function reads the clock, the environment, files or randomness. Hand such values in as variables."
	default:
		names := make([]string, 0, len(l.functions))
		for n := range l.functions {
			names = append(names, n)
		}
		why = didYouMean(name, names)
	}
	l.faults.errorf(*d.Subject, codeFunction, "Unknown function", "There is no function %q.%s", name, why)
}

// nearAttribute suggests an attribute of the object, or a key of the map, in
// which one was not found.
func nearAttribute(d *hcl.Diagnostic) string {
	e, ok := d.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || d.EvalContext == nil || d.Subject == nil {
		return ""
	}
	for i := 1; i < len(e.Traversal); i++ {
		name, ok := step(e.Traversal, i)
		if !ok || e.Traversal[i].SourceRange() != *d.Subject {
			continue
		}
		v, diags := e.Traversal[:i].TraverseAbs(d.EvalContext)
		v, marks := v.Unmark()
		switch {
		case diags.HasErrors() || len(marks) > 0:
			return ""
		case v.Type().IsObjectType():
			return didYouMean(name, keys(v.Type().AttributeTypes()))
		case v.Type().IsMapType() && v.IsKnown() && !v.IsNull():
			return didYouMean(name, keys(v.AsValueMap()))
		}
		return ""
	}
	return ""
}
