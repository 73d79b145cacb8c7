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
			why = "The path, a sensitive value, is empty, too long, begins with ~ or $, or names a remote store."
		}
		l.faults.errorf(a.Expr.Range(), code, "Path cannot be used", "%s", why)
	}
	return path, false
}
