package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
)

// variable is a declared input and its value.
type variable struct {
	index    int // in File.Variables
	block    *hcl.Block
	content  *hcl.BodyContent
	ty       cty.Type
	defaults *typeexpr.Defaults
	secret   bool
	faulty   bool // its type or a value of it was reported
	value    cty.Value
	ok       bool
}

var variableBody = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
}

var constants = scope{closed: true}

var typeWords = []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple", "optional"}

func (l *loader) declareVariables(f *File, blocks []*hcl.Block) {
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		name := b.Labels[0]
		if !l.identifier("a variable", name, b.LabelRanges[0]) || !l.once(seen, name, b.DefRange, fmt.Sprintf("Variable %q", name)) {
			continue
		}
		v := &variable{index: len(f.Variables), block: b, content: l.open(b.Body, variableBody), ty: cty.DynamicPseudoType}
		out := Variable{Name: name, Type: "any", Range: place(b.DefRange)}
		if a := v.content.Attributes["type"]; a != nil {
			out.Type = l.variableType(a, v)
		}
		out.Description, _ = l.text(v.content.Attributes["description"], constants)
		if s, absent, ok := l.typed(v.content.Attributes["sensitive"], cty.Bool, constants); !absent && ok && s.IsKnown() {
			v.secret = s.True()
		}
		if d := v.content.Attributes["default"]; d == nil {
			out.Required = true
		} else if v.secret {
			l.hidden = append(l.hidden, d.Range)
		}
		out.Sensitive = v.secret
		l.variables[name] = v
		f.Variables = append(f.Variables, out)
	}
}

// variableType reads a type expression and returns it as written.
func (l *loader) variableType(a *hcl.Attribute, v *variable) string {
	e := l.static(a.Expr)
	if l.broken[e] {
		v.faulty = true
		return ""
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(e)
	if diags.HasErrors() {
		for _, d := range diags {
			if d.Subject == nil {
				d.Subject = a.Expr.Range().Ptr()
			}
			word := string(d.Subject.SliceBytes(l.texts[d.Subject.Filename]))
			l.faults.errorf(*d.Subject, codeType, "Invalid type", "%s%s", d.Detail, didYouMean(word, typeWords))
		}
		v.faulty = true
		return ""
	}
	v.ty, v.defaults = ty, defaults
	return strings.Join(strings.Fields(strings.Trim(string(a.Expr.Range().SliceBytes(l.texts[a.Range.Filename])), `"`)), " ")
}

// given is a value from outside.
type given struct {
	value cty.Value
	from  string
	at    hcl.Range
}

// setVariables gives each variable its value. From weak to strong: default,
// environment, *.auto.vars.hcl, -var-file, -var.
func (l *loader) setVariables(f *File) {
	values := map[string]given{}
	if l.opts.Env != nil {
		for i := range f.Variables {
			name := f.Variables[i].Name
			if text, ok := l.opts.Env("LORACONV_VAR_" + name); ok {
				l.fromText(values, name, text, "environment", "LORACONV_VAR_"+name)
			}
		}
	}
	for _, pattern := range []string{"*.auto.vars.hcl", "*.auto.vars.hcl.json"} {
		if l.opts.Text != nil {
			break
		}
		for _, file := range l.matching(pattern) {
			l.fromFile(values, file, false)
		}
	}
	for _, file := range l.opts.VarFiles {
		l.fromFile(values, file, true)
	}
	for _, name := range keys(l.opts.Vars) {
		if l.variables[name] == nil {
			l.faults.add(diag.New(diag.Usage, codeUnknownVar, "Unknown variable", "-var %s=…: the spec declares no variable %q.%s", name, name, didYouMean(name, keys(l.variables))))
			continue
		}
		l.fromText(values, name, l.opts.Vars[name], "-var", "-var "+name)
	}
	for i := range f.Variables {
		l.settle(f, &f.Variables[i], values)
	}
}

// fromText reads a value given as text: as it stands for a variable whose type
// is string, number, bool or any, else as an HCL expression.
func (l *loader) fromText(values map[string]given, name, text, from, label string) {
	v := l.variables[name]
	at := hcl.Range{Filename: label, Start: hcl.InitialPos, End: hcl.Pos{Line: 1, Column: 1 + len([]rune(text)), Byte: len(text)}}
	if v.secret {
		l.hidden = append(l.hidden, at)
	}
	v.faulty = true // until it is read
	if len(text) > maxBytes {
		l.faults.errorf(at, codeTooLarge, "Value is too large", "%s", sizeText(len(text)))
		return
	}
	l.texts[label] = []byte(text)
	l.files = append(l.files, label)
	if v.ty == cty.DynamicPseudoType || v.ty.IsPrimitiveType() {
		values[name] = given{cty.StringVal(text), from, at}
		v.faulty = false
		return
	}
	if lim := scan([]byte(text), label, hcl.InitialPos, hclsyntax.LexExpression); lim != nil {
		l.faults.errorf(lim.at, lim.code, lim.summary("Value"), "%s", lim.text)
		return
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), label, hcl.InitialPos)
	if diags.HasErrors() {
		l.faults.hcl(diags, true)
		return
	}
	value, ok := l.eval(e, constants)
	if ok {
		values[name] = given{value, from, at}
		v.faulty = false
	}
}

// fromFile reads a file of values. One that was named must fit the spec; one
// that was found may hold values for other specs beside this one.
func (l *loader) fromFile(values map[string]given, file string, named bool) {
	parsed := l.parse(file, strings.HasSuffix(file, ".json"))
	if parsed == nil {
		return
	}
	for _, a := range l.attributes(parsed.Body) {
		v := l.variables[a.Name]
		switch {
		case v != nil:
		case named:
			l.faults.errorf(a.NameRange, codeUnknownVar, "Unknown variable", "The spec declares no variable %q.%s", a.Name, didYouMean(a.Name, keys(l.variables)))
			continue
		default:
			l.faults.warnf(a.NameRange, codeUnknownVar, "Unknown variable", "The spec declares no variable %q; the value is not used.%s", a.Name, didYouMean(a.Name, keys(l.variables)))
			continue
		}
		if v.secret {
			l.hidden = append(l.hidden, a.Range)
		}
		if value, ok := l.eval(a.Expr, constants); ok {
			values[a.Name] = given{value, file, a.Expr.Range()}
		} else {
			v.faulty = true
		}
	}
}

// settle decides the value of one variable.
func (l *loader) settle(f *File, out *Variable, values map[string]given) {
	v := l.variables[out.Name]
	v.value = cty.DynamicVal
	g, ok := values[out.Name]
	if d := v.content.Attributes["default"]; !ok && d != nil {
		value, fine := l.eval(d.Expr, constants)
		if !fine {
			return
		}
		g, ok = given{value, "default", d.Expr.Range()}, true
	}
	if !ok {
		if v.faulty {
			return // an error was reported, and this would be no news
		}
		if l.opts.AllowUnset {
			v.value, v.ok = cty.UnknownVal(v.ty), true
			if v.secret {
				v.value = v.value.Mark(sensitive)
			}
			return
		}
		l.faults.errorf(v.block.DefRange, codeUnset, "Variable without a value", "Variable %q has no default, and no value was given. Give one: -var %s=…, or LORACONV_VAR_%s.", out.Name, out.Name, out.Name)
		return
	}
	out.From = g.from
	value := g.value
	if v.secret {
		l.faults.secret(value)
		value = value.Mark(sensitive)
	}
	if v.defaults != nil && !value.IsNull() {
		unmarked, marks := value.UnmarkDeep()
		value = v.defaults.Apply(unmarked).WithMarks(marks)
	}
	value, v.ok = l.convert(value, v.ty, fmt.Sprintf("Variable %q", out.Name), g.at)
	v.value = value
}

// validateVariables judges the validation blocks.
func (l *loader) validateVariables() {
	schema := &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "condition"}, {Name: "error_message"}}}
	for _, name := range keys(l.variables) {
		v := l.variables[name]
		for _, b := range v.content.Blocks {
			c := l.open(b.Body, schema)
			cond := l.need(c, "condition", b.DefRange, "validation")
			msg := l.need(c, "error_message", b.DefRange, "validation")
			if cond == nil || msg == nil || !v.ok {
				continue
			}
			held, absent, ok := l.typed(cond, cty.Bool, scope{})
			held, _ = held.Unmark()
			if absent || !ok || !held.IsKnown() || held.True() {
				if absent {
					l.faults.errorf(cond.Expr.Range(), codeType, "Wrong type", "\"condition\" takes a bool, found null.")
				}
				continue
			}
			text := "The value is not allowed; the message that says why contains a sensitive value."
			if m, absent, ok := l.typed(msg, cty.String, scope{}); ok && !absent && m.IsKnown() && !m.IsMarked() {
				text = m.AsString()
			}
			l.faults.errorf(cond.Expr.Range(), codeValidation, fmt.Sprintf("Variable %q has a value that is not allowed", name), "%s", text)
		}
	}
}
