package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// resultAttributes looks for attributes of result that it does not have, in the
// whole of an expression. Evaluation alone would not find all of them: it
// leaves out the bodies of a for over what is not known yet, and the second
// operand of && and ||.
func (l *loader) resultAttributes(e hcl.Expression) bool {
	w := &attributeWalk{l: l, names: []map[string]cty.Type{{"result": resultType}}, good: true}
	hclsyntax.Walk(l.expr(e).root, w)
	return w.good
}

// attributeWalk knows the types of names that come from result: those of
// the for expressions that it is within, too.
type attributeWalk struct {
	l     *loader
	names []map[string]cty.Type
	each  []cty.Type // of the splats that it is within
	good  bool
}

// Enter implements hclsyntax.Walker.
func (w *attributeWalk) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch t := n.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		w.walk(w.find(t.Traversal.RootName()), t.Traversal[1:])
	case *hclsyntax.RelativeTraversalExpr:
		w.walk(w.typeOf(t.Source), t.Traversal)
	case *hclsyntax.ForExpr:
		frame := map[string]cty.Type{t.ValVar: elementOf(w.typeOf(t.CollExpr))}
		if t.KeyVar != "" {
			frame[t.KeyVar] = cty.DynamicPseudoType
		}
		w.names = append(w.names, frame)
	case *hclsyntax.SplatExpr:
		w.each = append(w.each, elementOf(w.typeOf(t.Source)))
	}
	return nil
}

// Exit implements hclsyntax.Walker.
func (w *attributeWalk) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n.(type) {
	case *hclsyntax.ForExpr:
		w.names = w.names[:len(w.names)-1]
	case *hclsyntax.SplatExpr:
		w.each = w.each[:len(w.each)-1]
	}
	return nil
}

func (w *attributeWalk) find(name string) cty.Type {
	for i := len(w.names) - 1; i >= 0; i-- {
		if ty, ok := w.names[i][name]; ok {
			return ty
		}
	}
	return cty.DynamicPseudoType
}

// typeOf is the type of an expression that names a part of result; of any
// other nothing is known.
func (w *attributeWalk) typeOf(e hclsyntax.Expression) cty.Type {
	switch t := unmeter(e).(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return follow(w.find(t.Traversal.RootName()), t.Traversal[1:], nil)
	case *hclsyntax.RelativeTraversalExpr:
		return follow(w.typeOf(t.Source), t.Traversal, nil)
	case *hclsyntax.IndexExpr:
		return elementOf(w.typeOf(t.Collection))
	case *hclsyntax.ParenthesesExpr:
		return w.typeOf(t.Expression)
	case *hclsyntax.AnonSymbolExpr:
		if len(w.each) > 0 {
			return w.each[len(w.each)-1]
		}
	}
	return cty.DynamicPseudoType
}

// walk reports the first step that an object does not have.
func (w *attributeWalk) walk(ty cty.Type, t hcl.Traversal) {
	follow(ty, t, func(object cty.Type, name string, at hcl.Range) {
		w.good = false
		names := keys(object.AttributeTypes())
		hint := didYouMean(name, names)
		if hint == "" {
			hint = " It has " + strings.Join(names, ", ") + "."
		}
		w.l.faults.errorf(at, codeExpression, "Unsupported attribute", "This object does not have an attribute named %q.%s", name, hint)
	})
}

// follow returns the type at the end of a traversal.
func follow(ty cty.Type, t hcl.Traversal, absent func(object cty.Type, name string, at hcl.Range)) cty.Type {
	for i, s := range t {
		name, named := step(t, i)
		switch {
		case ty.IsObjectType() && named && ty.HasAttribute(name):
			ty = ty.AttributeType(name)
		case ty.IsObjectType() && named:
			if absent != nil {
				absent(ty, name, s.SourceRange())
			}
			return cty.DynamicPseudoType
		default:
			ty = elementOf(ty)
		}
	}
	return ty
}

// elementOf is the type of the elements of a list or map.
func elementOf(ty cty.Type) cty.Type {
	if ty.IsCollectionType() {
		return ty.ElementType()
	}
	return cty.DynamicPseudoType
}

// typeName names the type of a value of which only that is known.
func typeName(ty cty.Type) string {
	if ty == cty.DynamicPseudoType {
		return "a value that is not known yet"
	}
	return fmt.Sprintf("%s that is not known yet", typeText(ty))
}
