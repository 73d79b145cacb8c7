package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/glob"
)

// sourceBlock is one source block; with for_each it stands for several
// sources.
type sourceBlock struct {
	plugin, name string
	block        *hcl.Block
	forEach      *hcl.Attribute // nil: one source
	instances    []*Source
	cells        map[string]*cell // "key\x00argument" → value
}

func (b *sourceBlock) address() string { return "source." + b.plugin + "." + b.name }

// sourceBody is what every source has, whatever its plugin.
var sourceBody = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each"}, {Name: "path"}, {Name: "step"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "drop", LabelNames: []string{"name"}}},
}

var dropBody = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "match"}, {Name: "reason"}}}

// declareSources registers the names, so that references can be checked.
func (l *loader) declareSources(blocks []*hcl.Block) {
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		s := &sourceBlock{plugin: b.Labels[0], name: b.Labels[1], block: b, cells: map[string]*cell{}}
		if !l.identifier("a plugin", s.plugin, b.LabelRanges[0]) || !l.identifier("a source", s.name, b.LabelRanges[1]) || !l.once(seen, s.address(), b.DefRange, s.address()) {
			continue
		}
		l.sources[s.plugin+"."+s.name] = s
	}
}

// buildSources evaluates what every source has.
func (l *loader) buildSources(f *File, blocks []*hcl.Block) {
	for _, b := range blocks {
		s := l.sources[strings.Join(b.Labels, ".")]
		if s == nil || s.block != b {
			continue
		}
		c, _, diags := b.Body.PartialContent(sourceBody)
		l.faults.hcl(diags, false)
		s.forEach = c.Attributes["for_each"]
		path := l.need(c, "path", b.DefRange, header(b))
		each, ok := l.forEach(s.forEach)
		if !ok {
			s.instances = nil
			continue
		}
		for _, inst := range each {
			sc := scope{each: inst}
			src := &Source{Plugin: s.plugin, Name: inst.name(s.name), Range: place(b.DefRange), block: s, each: inst}
			if path != nil {
				src.Path, src.Unknown = l.path(path, sc)
			}
			src.Step = l.whole(c.Attributes["step"], 0, 1<<53, sc)
			src.Drops = l.drops(c.Blocks, sc)
			s.instances = append(s.instances, src)
			f.Sources = append(f.Sources, src)
		}
	}
}

func (l *loader) drops(blocks hcl.Blocks, s scope) []Drop {
	var out []Drop
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		name := b.Labels[0]
		if !l.once(seen, name, b.DefRange, fmt.Sprintf("drop %q", name)) {
			continue
		}
		c := l.open(b.Body, dropBody)
		match := l.need(c, "match", b.DefRange, header(b))
		reason := l.need(c, "reason", b.DefRange, header(b))
		d := Drop{Name: name, Range: place(b.DefRange)}
		d.Match, d.Globs = l.globs(match, '/', s)
		if match != nil && len(d.Match) == 0 && l.constantEmpty(match, s) {
			l.faults.errorf(match.Expr.Range(), codeValue, "Nothing to drop", "%q is empty: name the parameters to drop by globs, such as \"head/**\".", "match")
		}
		text, known := l.text(reason, s)
		if known && strings.TrimSpace(text) == "" {
			l.faults.errorf(reason.Expr.Range(), codeValue, "Reason is empty", "A drop needs a reason in words: it goes into the plan and the receipt.")
		}
		d.Reason = text
		out = append(out, d)
	}
	return out
}

// constantEmpty reports whether a list is known and has no element.
func (l *loader) constantEmpty(a *hcl.Attribute, s scope) bool {
	v, absent, ok := l.typed(a, cty.List(cty.String), s)
	v, _ = v.Unmark()
	return absent || ok && v.IsKnown() && v.LengthInt() == 0
}

// globs evaluates a list of globs. Both results are nil when it is faulty.
func (l *loader) globs(a *hcl.Attribute, sep byte, s scope) ([]string, glob.List) {
	texts, ok := l.listOfText(a, s)
	if !ok {
		return nil, nil
	}
	var out glob.List
	for i, t := range texts {
		p, err := glob.Compile(t, sep)
		if err != nil {
			l.faults.errorf(l.element(a, i), codeGlob, "Invalid glob", "In %q: %s.", a.Name, l.reason(a, s, err))
			continue
		}
		out = append(out, p)
	}
	if len(out) < len(texts) {
		return nil, nil
	}
	return texts, out
}

// element is the place of a list's element, or of the list.
func (l *loader) element(a *hcl.Attribute, i int) hcl.Range {
	if t, ok := unmeter(l.expr(a.Expr).root).(*hclsyntax.TupleConsExpr); ok && i < len(t.Exprs) {
		return t.Exprs[i].Range()
	}
	return a.Expr.Range()
}

// path evaluates a path relative to the spec's directory.
func (l *loader) path(a *hcl.Attribute, s scope) (path string, unknown bool) {
	v, absent, ok := l.typed(a, cty.String, s)
	switch {
	case !ok:
		return "", false
	case absent:
		l.faults.errorf(a.Expr.Range(), codeType, "Wrong type", "%q takes a string, found null.", a.Name)
		return "", false
	}
	raw, _ := v.Unmark()
	if !raw.IsKnown() {
		return "", true
	}
	path, code, why := resolvePath(l.dir, raw.AsString())
	if code != "" {
		if v.IsMarked() {
			why = "The path, a sensitive value, is empty, too long, or names a remote store."
		}
		l.faults.errorf(a.Expr.Range(), code, "Path cannot be used", "%s", why)
	}
	return path, false
}

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
