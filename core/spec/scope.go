package spec

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxReach is how many values may stand in a chain of references.
const maxReach = 128

// context builds what an expression sees: of var, local and source exactly
// what it uses. ok is false when a reference is wrong, or leads to a value
// that is; every wrong one is reported.
func (l *loader) context(uses []hcl.Traversal, s scope) (*hcl.EvalContext, bool) {
	vars := map[string]cty.Value{}
	inputs, locals := map[string]cty.Value{}, map[string]cty.Value{}
	sources := tree{}
	good := true
	for _, t := range uses {
		root := t.RootName()
		if v, ok := s.extra[root]; ok {
			vars[root] = v
			continue
		}
		if s.closed && (root == "var" || root == "local" || root == "source" || root == "each") {
			l.faults.errorf(t.SourceRange(), codeReference, "Not a constant", "%s cannot be used here: only constants and functions can.", traversalText(t))
			good = false
			continue
		}
		var ok bool
		switch root {
		case "var":
			ok = l.useVariable(t, inputs)
		case "local":
			ok = l.useLocal(t, locals)
		case "source":
			ok = l.useSource(t, sources)
		case "each":
			if ok = s.each != nil; ok {
				vars["each"] = cty.ObjectVal(map[string]cty.Value{"key": s.each.keyV, "value": s.each.valV})
			} else {
				l.faults.errorf(t.SourceRange(), codeReference, "No for_each here", "each.key and each.value exist only in a block that has for_each.")
			}
		default:
			l.unknownRoot(t, s)
		}
		good = good && ok
	}
	if len(inputs) > 0 {
		vars["var"] = cty.ObjectVal(inputs)
	}
	if len(locals) > 0 {
		vars["local"] = cty.ObjectVal(locals)
	}
	if len(sources) > 0 {
		vars["source"] = sources.object()
	}
	return &hcl.EvalContext{Variables: vars, Functions: l.functions}, good
}

func (l *loader) unknownRoot(t hcl.Traversal, s scope) {
	name := t.RootName()
	roots := []string{"var", "local", "source"}
	if s.each != nil {
		roots = append(roots, "each")
	}
	for n := range s.extra {
		roots = append(roots, n)
	}
	hint := didYouMean(name, roots)
	if hint == "" && len(t) == 1 {
		hint = " A text must stand in quotes: \"" + name + "\"."
	} else if hint == "" {
		hint = " References begin with var, local or source."
	}
	l.faults.errorf(t.SourceRange(), codeRoot, "Unknown name", "Nothing is called %q here.%s", name, hint)
}

// step returns the name of the i-th step of a reference.
func step(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	switch s := t[i].(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

func (l *loader) useVariable(t hcl.Traversal, into map[string]cty.Value) bool {
	name, ok := step(t, 1)
	if !ok {
		l.faults.errorf(t.SourceRange(), codeReference, "Incomplete reference", "A variable is written var.NAME.")
		return false
	}
	v := l.variables[name]
	if v == nil {
		l.faults.errorf(t.SourceRange(), codeUnknownVar, "Unknown variable", "The spec declares no variable %q.%s", name, orHint(didYouMean(name, keys(l.variables)), " Declare it: variable \""+name+"\" { type = string }."))
		return false
	}
	into[name] = v.value
	return v.ok
}

func (l *loader) useLocal(t hcl.Traversal, into map[string]cty.Value) bool {
	name, ok := step(t, 1)
	if !ok {
		l.faults.errorf(t.SourceRange(), codeReference, "Incomplete reference", "A local value is written local.NAME.")
		return false
	}
	c := l.locals[name]
	if c == nil {
		l.faults.errorf(t.SourceRange(), codeUnknownLocal, "Unknown local value", "The spec defines no local value %q.%s", name, didYouMean(name, keys(l.locals)))
		return false
	}
	v, ok := l.cell(c, scope{})
	into[name] = v
	return ok
}

func orHint(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cell is a value that is computed when it is first used.
type cell struct {
	name  string // as it is referred to
	attr  *hcl.Attribute
	state cellState
	value cty.Value
	ok    bool
}

type cellState uint8

const (
	cellNew cellState = iota
	cellBusy
	cellDone
)

func (l *loader) cell(c *cell, s scope) (cty.Value, bool) {
	switch {
	case c.state == cellDone:
		return c.value, c.ok
	case c.state == cellBusy:
		l.faults.errorf(c.attr.NameRange, codeCycle, "Value depends on itself", "%s", l.cycle(c))
		return cty.DynamicVal, false
	case len(l.busy) >= maxReach:
		l.faults.errorf(c.attr.NameRange, codeTooDeep, "References too deep", "More than %d values refer to one another in a chain.", maxReach)
		return cty.DynamicVal, false
	}
	c.state = cellBusy
	l.busy = append(l.busy, c)
	c.value, c.ok = l.eval(c.attr.Expr, s)
	l.busy = l.busy[:len(l.busy)-1]
	c.state = cellDone
	return c.value, c.ok
}

// cycle tells the way from c back to c.
func (l *loader) cycle(c *cell) string {
	i := len(l.busy) - 1
	for i > 0 && l.busy[i] != c {
		i--
	}
	text := ""
	for n, b := range l.busy[i:] {
		if n == 6 {
			text += "… → "
			break
		}
		text += b.name + " → "
	}
	return text + c.name
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func functionTable(dir string) map[string]function.Function {
	out := map[string]function.Function{}
	for n, f := range pure {
		out[n] = f
	}
	for n, f := range fileFunctions(dir) {
		out[n] = f
	}
	return out
}

func traversalText(t hcl.Traversal) string {
	text := t.RootName()
	for i := 1; i < len(t); i++ {
		switch s := t[i].(type) {
		case hcl.TraverseAttr:
			text += "." + s.Name
		case hcl.TraverseIndex:
			if s.Key.Type() == cty.String {
				text += "[\"" + s.Key.AsString() + "\"]"
			} else {
				text += "[…]"
			}
		default:
			text += "[*]"
		}
	}
	return text
}
