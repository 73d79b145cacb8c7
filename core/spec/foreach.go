package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// maxInstances is how many sources or conversions one for_each may make.
const maxInstances = 1000

// name is the name of the instance of a block. Without for_each, i is nil and
// the name is the block's.
func (i *instance) name(block string) string {
	switch {
	case i == nil:
		return block
	case i.unknown():
		return block + "[…]"
	}
	return fmt.Sprintf("%s[%q]", block, i.key)
}

func (i *instance) unknown() bool { return i != nil && !i.keyV.IsKnown() }

// forEach returns the instances of a block in the order of their keys; one
// nil instance when there is no for_each.
func (l *loader) forEach(a *hcl.Attribute) ([]*instance, bool) {
	if a == nil {
		return []*instance{nil}, true
	}
	v, ok := l.eval(a.Expr, scope{})
	if !ok {
		return nil, false
	}
	if v.IsMarked() {
		l.faults.errorf(a.Expr.Range(), codeForEach, "Invalid for_each", "Its keys become names that are printed, so they cannot come from a sensitive value.")
		return nil, false
	}
	ty := v.Type()
	isMap := ty.IsMapType() || ty.IsObjectType()
	isSet := ty.IsSetType() && ty.ElementType() == cty.String
	switch {
	case v.IsNull() || ty != cty.DynamicPseudoType && !isMap && !isSet && !(ty.IsSetType() && v.IsKnown() && v.LengthInt() == 0):
		hint := ""
		if ty.IsTupleType() || ty.IsListType() {
			hint = " A list becomes a set by toset()."
		}
		l.faults.errorf(a.Expr.Range(), codeForEach, "Invalid for_each", "It takes a map or a set of strings, found %s.%s", l.show(v), hint)
		return nil, false
	case !v.IsKnown():
		return []*instance{{keyV: cty.UnknownVal(cty.String), valV: cty.DynamicVal}}, true
	case v.LengthInt() > maxInstances:
		l.faults.errorf(a.Expr.Range(), codeForEach, "Invalid for_each", "It has %d elements; at most %d are allowed.", v.LengthInt(), maxInstances)
		return nil, false
	}
	out := []*instance{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element() // in a set, both are the element
		if k.IsMarked() || e.IsMarked() && isSet {
			l.faults.errorf(a.Expr.Range(), codeForEach, "Invalid for_each", "Its keys become names that are printed, so they cannot come from a sensitive value.")
			return nil, false
		}
		if !k.IsKnown() {
			out = append(out, &instance{keyV: cty.UnknownVal(cty.String), valV: cty.DynamicVal})
			continue
		}
		if k.IsNull() {
			l.faults.errorf(a.Expr.Range(), codeForEach, "Invalid for_each", "An element of the set is null.")
			return nil, false
		}
		out = append(out, &instance{key: k.AsString(), keyV: k, valV: e})
	}
	return out, true
}
