package spec

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// useSource evaluates an argument of another source, such as
// source.maxtext.base.model.
func (l *loader) useSource(t hcl.Traversal, into tree) bool {
	s, next := l.findSource(t)
	if s == nil {
		return false
	}
	key, way := "", []string{s.plugin, s.name}
	if s.hasForEach() {
		k, ok := indexKey(t, next)
		if !ok {
			l.faults.errorf(t.SourceRange(), codeReference, "Incomplete reference", "%s has for_each: say which one, as in %s[\"KEY\"].ARGUMENT, with the key in quotes.", s.address(), s.address())
			return false
		}
		key, way, next = k, append(way, k), next+1
	}
	name, ok := step(t, next)
	if !ok {
		l.faults.errorf(t.SourceRange(), codeReference, "Not a value", "%s is a source, not a value: it stands alone after source = or in adapters = [ ]. A value is one of its arguments, such as %s.path.", s.address(), s.address())
		return false
	}
	c := s.cells[key+"\x00"+name]
	if c == nil {
		content, _, _ := s.block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
		a := content.Attributes[name]
		if a == nil || name == "for_each" {
			l.faults.errorf(t.SourceRange(), codeReference, "Argument is not set", "%s sets no argument %q.%s", s.address(), name, didYouMean(name, l.argumentNames(s.block.Body)))
			return false
		}
		c = &cell{name: s.address() + "." + name, attr: a}
		s.cells[key+"\x00"+name] = c
	}
	sc := scope{}
	if s.hasForEach() {
		if c.state == cellNew {
			src := l.instance(s, key, t.SourceRange())
			if src == nil {
				return false
			}
			sc.each = src.each
		}
	}
	v, ok := l.cell(c, sc)
	into.set(append(way, name), v)
	return ok
}

// hasForEach looks at the block itself, because references may be evaluated
// before the sources are built.
func (s *sourceBlock) hasForEach() bool {
	if s.forEach == nil {
		c, _, _ := s.block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "for_each"}}})
		s.forEach = c.Attributes["for_each"]
	}
	return s.forEach != nil
}

func indexKey(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	if ix, ok := t[i].(hcl.TraverseIndex); ok && ix.Key.Type() == cty.String {
		return ix.Key.AsString(), true
	}
	return "", false
}

// findSource returns the block that a reference source.PLUGIN.NAME means and
// the index of the next step, or reports that there is none.
func (l *loader) findSource(t hcl.Traversal) (*sourceBlock, int) {
	plugin, ok1 := step(t, 1)
	name, ok2 := step(t, 2)
	if !ok1 || !ok2 {
		l.faults.errorf(t.SourceRange(), codeReference, "Incomplete reference", "A source is written source.PLUGIN.NAME.%s", l.declared())
		return nil, 0
	}
	s := l.sources[plugin+"."+name]
	if s == nil {
		hint := didYouMean("source."+plugin+"."+name, l.addresses())
		l.faults.errorf(t.SourceRange(), codeUnknownSource, "Unknown source", "The spec declares no source %q %q.%s", plugin, name, orHint(hint, l.declared()))
	}
	return s, 3
}

func (l *loader) addresses() []string {
	var out []string
	for _, k := range keys(l.sources) {
		out = append(out, "source."+k)
	}
	return out
}

// declared is a sentence with the sources there are, if they are few.
func (l *loader) declared() string {
	switch names := l.addresses(); {
	case len(names) == 0:
		return " It declares none."
	case len(names) <= 5:
		return " It declares " + strings.Join(names, ", ") + "."
	}
	return ""
}

func (l *loader) argumentNames(body hcl.Body) []string {
	if b, ok := body.(*hclsyntax.Body); ok {
		return keys(b.Attributes)
	}
	attrs, _ := body.JustAttributes()
	return keys(attrs)
}

// instance returns one source of a block with for_each.
func (l *loader) instance(s *sourceBlock, key string, at hcl.Range) *Source {
	var have []string
	for _, src := range s.instances {
		if src.each.unknown() || src.each.key == key {
			return src
		}
		have = append(have, src.each.key)
	}
	if s.instances == nil {
		return nil // its for_each is faulty, or it is not built yet
	}
	l.faults.errorf(at, codeUnknownSource, "Unknown source", "%s has no element %q.%s", s.address(), key, orHint(didYouMean(key, have), ""))
	return nil
}

// reference reads an argument that names a source. ok is false when a fault
// was reported; src is nil, too, when it depends on something unknown.
func (l *loader) reference(e hcl.Expression, s scope) (src *Source, ok bool) {
	raw := l.static(e)
	if l.broken[raw] {
		return nil, false
	}
	var key hclsyntax.Expression
	if ix, ok := raw.(*hclsyntax.IndexExpr); ok {
		raw, key = unmeter(ix.Collection), ix.Key
	}
	t, ok := raw.(*hclsyntax.ScopeTraversalExpr)
	if !ok || t.Traversal.RootName() != "source" {
		l.faults.errorf(e.Range(), codeReference, "Not a source", "A source is written source.PLUGIN.NAME, without quotes.%s", l.declared())
		return nil, false
	}
	b, next := l.findSource(t.Traversal)
	if b == nil {
		return nil, false
	}
	if !b.hasForEach() {
		if key != nil || len(t.Traversal) > next {
			l.faults.errorf(e.Range(), codeReference, "Not a source", "%s is a source without for_each: nothing may follow its name here.", b.address())
			return nil, false
		}
		if len(b.instances) == 0 {
			return nil, false
		}
		return b.instances[0], true
	}
	text, fixed := indexKey(t.Traversal, next)
	switch {
	case key != nil && len(t.Traversal) == next:
		v, ok := l.eval(key, s)
		if !ok {
			return nil, false
		}
		if v, ok = l.convert(v, cty.String, "The key of "+b.address(), key.Range()); !ok {
			return nil, false
		}
		v, _ = v.Unmark()
		if !v.IsKnown() {
			return nil, true
		}
		if v.IsNull() {
			l.faults.errorf(key.Range(), codeReference, "Not a source", "The key is null.")
			return nil, false
		}
		text = v.AsString()
	case key == nil && fixed && len(t.Traversal) == next+1:
	default:
		l.faults.errorf(e.Range(), codeReference, "Not a source", "%s has for_each: say which one, as in %s[\"KEY\"] or %s[each.key].", b.address(), b.address(), b.address())
		return nil, false
	}
	src = l.instance(b, text, e.Range())
	return src, src != nil
}
