package spec

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// sensitive marks values that are never printed.
const sensitive = mark("sensitive")

type mark string

// typed evaluates an argument and converts it to a type. absent is true when
// the argument is not there, or null; ok is false when a fault was reported.
func (l *loader) typed(a *hcl.Attribute, ty cty.Type, s scope) (v cty.Value, absent, ok bool) {
	if a == nil {
		return cty.NilVal, true, true
	}
	v, ok = l.eval(a.Expr, s)
	if !ok {
		return cty.DynamicVal, false, false
	}
	if v.IsNull() {
		return cty.NilVal, true, true
	}
	v, ok = l.convert(v, ty, fmt.Sprintf("%q", a.Name), a.Expr.Range())
	return v, false, ok
}

// convert gives a value the type that is wanted, or reports that it cannot.
func (l *loader) convert(v cty.Value, ty cty.Type, what string, at hcl.Range) (cty.Value, bool) {
	if holdsNumber(ty) && longText(v, maxDigits) {
		l.faults.errorf(at, codeType, "Wrong type", "%s takes %s. %s", what, typeText(ty), longDigits)
		return cty.DynamicVal, false
	}
	out, err := convert.Convert(v, ty)
	if err != nil {
		l.faults.errorf(at, codeType, "Wrong type", "%s takes %s, found %s.%s", what, typeText(ty), l.show(v), whyNot(ty, err))
		return cty.DynamicVal, false
	}
	l.meter.charge(out)
	if l.meter.spent != "" {
		l.evalFaults(hcl.Diagnostics{{Severity: hcl.DiagError, Summary: costSummary, Subject: &at}})
		return cty.DynamicVal, false
	}
	return out, true
}

// whyNot says which part of a value does not fit its type.
func whyNot(ty cty.Type, err error) string {
	if ty.IsPrimitiveType() {
		return ""
	}
	text := err.Error()
	var p cty.PathError
	if errors.As(err, &p) {
		for _, s := range slices.Backward(p.Path) {
			switch s := s.(type) {
			case cty.GetAttrStep:
				text = fmt.Sprintf("%q: %s", s.Name, text)
			case cty.IndexStep:
				if key, ok := plainText(s.Key); ok {
					text = fmt.Sprintf("%q: %s", key, text)
				} else if s.Key.Type() == cty.Number && s.Key.IsKnown() {
					text = fmt.Sprintf("element %s: %s", s.Key.AsBigFloat().Text('f', -1), text)
				}
			}
		}
	}
	return " " + strings.ToUpper(text[:1]) + text[1:] + "."
}

func typeText(ty cty.Type) string {
	switch {
	case ty == cty.DynamicPseudoType:
		return "any value"
	case ty.IsPrimitiveType():
		return "a " + ty.FriendlyName()
	}
	return "a " + ty.FriendlyNameForConstraint()
}

// show describes a value in a message: shortly, and not at all when it is
// sensitive.
func (l *loader) show(v cty.Value) string {
	if v.IsMarked() || v.ContainsMarked() {
		return "a sensitive value"
	}
	if v.IsNull() {
		return "null"
	}
	if !v.IsKnown() {
		return typeName(v.Type())
	}
	switch v.Type() {
	case cty.String:
		s := v.AsString()
		if r := []rune(s); len(r) > 60 {
			s = string(r[:60]) + "…"
		}
		return fmt.Sprintf("the string %q", s)
	case cty.Number:
		return "the number " + v.AsBigFloat().Text('g', 10)
	case cty.Bool:
		return fmt.Sprintf("the bool %v", v.True())
	}
	switch ty := v.Type(); {
	case ty.IsTupleType() || ty.IsListType():
		return "a list"
	case ty.IsSetType():
		return "a set"
	}
	return "a map"
}

// text evaluates an argument that is a string. known is false when it is
// absent, unknown or faulty.
func (l *loader) text(a *hcl.Attribute, s scope) (value string, known bool) {
	v, absent, ok := l.typed(a, cty.String, s)
	if absent || !ok {
		return "", false
	}
	v, _ = v.Unmark()
	if !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

// word evaluates a string that must be one of a few.
func (l *loader) word(a *hcl.Attribute, allowed []string, s scope) string {
	v, absent, ok := l.typed(a, cty.String, s)
	if absent || !ok || !l.inEnum(v, allowed, a) {
		return ""
	}
	v, _ = v.Unmark()
	if !v.IsKnown() {
		return ""
	}
	return v.AsString()
}

// inEnum reports a string that is none of the values allowed.
func (l *loader) inEnum(v cty.Value, allowed []string, a *hcl.Attribute) bool {
	raw, _ := v.Unmark()
	if !raw.IsKnown() || raw.IsNull() {
		return true
	}
	for _, w := range allowed {
		if w == raw.AsString() {
			return true
		}
	}
	hint := ""
	if !v.IsMarked() {
		hint = meantValue(raw.AsString(), allowed)
	}
	l.faults.errorf(a.Expr.Range(), codeEnum, "Unknown value", "%q takes %s, found %s.%s", a.Name, oneOf(allowed), l.show(v), hint)
	return false
}

// texts evaluates an argument that is a list of strings.
func (l *loader) listOfText(a *hcl.Attribute, s scope) ([]string, bool) {
	v, absent, ok := l.typed(a, cty.List(cty.String), s)
	if absent || !ok {
		return nil, ok
	}
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		return nil, true
	}
	var out []string
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if e.IsNull() {
			l.faults.errorf(a.Expr.Range(), codeType, "Wrong type", "%q takes a list of string, found null in it.", a.Name)
			return nil, false
		}
		out = append(out, e.AsString())
	}
	return out, true
}

// number evaluates an argument that is a finite number. nil: absent, unknown
// or faulty.
func (l *loader) number(a *hcl.Attribute, s scope) *float64 {
	v, absent, ok := l.typed(a, cty.Number, s)
	if absent || !ok {
		return nil
	}
	v, _ = v.Unmark()
	if !v.IsKnown() {
		return nil
	}
	f, acc := v.AsBigFloat().Float64()
	if v.AsBigFloat().IsInf() || f == 0 && acc != big.Exact || f-f != 0 {
		l.faults.errorf(a.Expr.Range(), codeValue, "Number out of range", "%q must be a finite number that 64 bits can hold.", a.Name)
		return nil
	}
	return &f
}

// whole evaluates an argument that is a whole number of at least low.
func (l *loader) whole(a *hcl.Attribute, low, high int64, s scope) *int64 {
	v, absent, ok := l.typed(a, cty.Number, s)
	if absent || !ok {
		return nil
	}
	raw, _ := v.Unmark()
	if !raw.IsKnown() {
		return nil
	}
	n, acc := raw.AsBigFloat().Int64()
	if acc != big.Exact || n < low || n > high {
		bounds := fmt.Sprintf("from %d to %d", low, high)
		if high > 1<<40 {
			bounds = fmt.Sprintf("of at least %d", low)
		}
		l.faults.errorf(a.Expr.Range(), codeValue, "Number out of range", "%q takes a whole number %s, found %s.", a.Name, bounds, l.show(v))
		return nil
	}
	return &n
}

// plain turns a known value without marks into strings, bools, int64,
// float64, []any and map[string]any. why is not empty when a number does not
// fit.
func plain(v cty.Value) (out any, why string) {
	if v.IsNull() {
		return nil, ""
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return v.AsString(), ""
	case ty == cty.Bool:
		return v.True(), ""
	case ty == cty.Number:
		return plainNumber(v.AsBigFloat())
	case ty.IsMapType() || ty.IsObjectType():
		m := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if m[k.AsString()], why = plain(e); why != "" {
				return nil, why
			}
		}
		return m, ""
	case ty.IsListType() || ty.IsSetType() || ty.IsTupleType():
		list := []any{}
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			p, why := plain(e)
			if why != "" {
				return nil, why
			}
			list = append(list, p)
		}
		return list, ""
	}
	return nil, "a value of type " + v.Type().FriendlyName() + " cannot be handed to a plugin"
}

func plainNumber(f *big.Float) (any, string) {
	if f.IsInf() {
		return nil, "a number is infinite"
	}
	if f.IsInt() {
		if n, acc := f.Int64(); acc == big.Exact {
			return n, ""
		}
	}
	d, acc := f.Float64()
	if d-d != 0 || d == 0 && acc != big.Exact {
		return nil, "a number does not fit in 64 bits"
	}
	return d, ""
}

func plainText(v cty.Value) (string, bool) {
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && !v.IsMarked() {
		return v.AsString(), true
	}
	return "", false
}

// meantValue is didYouMean for the values of an argument, which are often
// written as elsewhere: in other case, or short, such as bf16 and fp32.
func meantValue(said string, allowed []string) string {
	said = strings.ToLower(said)
	digits := func(s string) string { return s[len(strings.TrimRight(s, "0123456789")):] }
	var alike []string
	for _, a := range allowed {
		if a == said {
			return fmt.Sprintf(" Did you mean %q?", a)
		}
		if n := digits(a); said != "" && n != "" && said[0] == a[0] && n == digits(said) {
			alike = append(alike, a)
		}
	}
	if len(alike) == 1 {
		return fmt.Sprintf(" Did you mean %q?", alike[0])
	}
	return didYouMean(said, allowed)
}
