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

// DecodeSource opens the body of a source by its plugin's schema, which holds
// what a source has beyond path, step, drop and for_each. Decoded.Args has
// the plugin's arguments only.
func (f *File) DecodeSource(s *Source, schema Schema) (Decoded, diag.List) {
	return f.decode(s.block.block, s.each, sourceBody, schema)
}

// DecodeOutput opens the body of an output by its plugin's schema, which
// holds what an output of this format has beyond path.
func (f *File) DecodeOutput(o *Output, schema Schema) (Decoded, diag.List) {
	return f.decode(o.block, o.each, outputBody, schema)
}

func (f *File) decode(b *hcl.Block, each *instance, own *hcl.BodySchema, schema Schema) (Decoded, diag.List) {
	d := &decoder{l: f.l, scope: scope{each: each}}
	args := d.body(b.Body, own, schema, b.DefRange, header(b), "")
	return Decoded{Args: args, Rows: d.rows.String(), Unknown: d.unknown, Sensitive: d.sensitive}, f.l.faults.take(f.l.files)
}

// decoder opens one body.
type decoder struct {
	l       *loader
	scope   scope
	rows    strings.Builder
	unknown []string

	sensitive []string
}

// body opens a body that has, beside what the schema says, arguments and
// blocks of our own, which are left out of the result.
func (d *decoder) body(body hcl.Body, own *hcl.BodySchema, schema Schema, at hcl.Range, what, prefix string) map[string]any {
	want := &hcl.BodySchema{}
	if own != nil {
		want.Attributes = append(want.Attributes, own.Attributes...)
		want.Blocks = append(want.Blocks, own.Blocks...)
	}
	if !d.sound(schema, want) {
		return nil
	}
	for _, a := range schema.Attributes {
		want.Attributes = append(want.Attributes, hcl.AttributeSchema{Name: a.Name})
	}
	for _, b := range schema.Blocks {
		want.Blocks = append(want.Blocks, hcl.BlockHeaderSchema{Type: b.Name, LabelNames: b.Labels})
	}
	c := d.l.open(body, want)
	out := map[string]any{}
	for _, a := range schema.Attributes {
		d.attribute(a, c.Attributes[a.Name], at, what, prefix, out)
	}
	for _, b := range schema.Blocks {
		d.blocks(b, body, c.Blocks.OfType(b.Name), prefix, out)
	}
	return out
}

// sound reports a schema that names something twice.
func (d *decoder) sound(schema Schema, own *hcl.BodySchema) bool {
	seen := map[string]bool{}
	for _, a := range own.Attributes {
		seen[a.Name] = true
	}
	for _, b := range own.Blocks {
		seen[b.Type] = true
	}
	names := []string{}
	for _, a := range schema.Attributes {
		names = append(names, a.Name)
	}
	for _, b := range schema.Blocks {
		names = append(names, b.Name)
	}
	for _, n := range names {
		if seen[n] || !hclsyntax.ValidIdentifier(n) {
			d.badSchema("it describes the argument or block %q twice, or that name belongs to loraconv, or is not a name", n)
			return false
		}
		seen[n] = true
	}
	return true
}

func (d *decoder) badSchema(format string, args ...any) {
	d.l.faults.add(diag.New(diag.Plugin, codeSchema, "Plugin describes its arguments wrongly", format+".", args...))
}

func (d *decoder) attribute(a Attribute, attr *hcl.Attribute, at hcl.Range, what, prefix string, out map[string]any) {
	l := d.l
	ty, ok := d.attributeType(a)
	if !ok {
		return
	}
	v, absent, ok := l.typed(attr, ty, d.scope)
	switch {
	case !ok:
		return
	case absent && a.Required && attr == nil:
		l.need(&hcl.BodyContent{}, a.Name, at, what)
		return
	case absent && a.Required:
		l.faults.errorf(attr.Expr.Range(), codeMissing, "Missing argument", "%s needs the argument %q, and it is null.", what, a.Name)
		return
	case absent:
		return
	}
	if len(a.Enum) > 0 && !a.Path && ty == cty.String && !l.inEnum(v, a.Enum, attr) {
		return
	}
	raw, _ := v.UnmarkDeep()
	if !raw.IsWhollyKnown() {
		d.unknown = append(d.unknown, prefix+a.Name)
		return
	}
	value, why := plain(raw)
	if why != "" {
		l.faults.errorf(attr.Expr.Range(), codeValue, "Value cannot be used", "%q: %s.", a.Name, why)
		return
	}
	if a.Path {
		if value, ok = d.pathValue(a, attr, v, value); !ok {
			return
		}
	}
	if v.ContainsMarked() {
		d.sensitive = append(d.sensitive, prefix+a.Name)
	}
	out[a.Name] = value
}

// pathValue resolves a string that is a path, or the words that stand for
// themselves.
func (d *decoder) pathValue(a Attribute, attr *hcl.Attribute, v cty.Value, value any) (any, bool) {
	text, isText := value.(string)
	if !isText {
		return value, true
	}
	for _, w := range a.Enum {
		if w == text {
			return text, true
		}
	}
	path, _ := d.l.path(attr, d.scope)
	return path, path != ""
}

func (d *decoder) attributeType(a Attribute) (cty.Type, bool) {
	if lim := scan([]byte(a.Type), "", hcl.InitialPos, hclsyntax.LexExpression); lim == nil {
		if e, diags := hclsyntax.ParseExpression([]byte(a.Type), "", hcl.InitialPos); !diags.HasErrors() {
			if ty, diags := typeexpr.TypeConstraint(e); !diags.HasErrors() && !(a.Path && ty != cty.String) {
				return ty, true
			}
		}
	}
	d.badSchema("argument %q has the type %q, which is none", a.Name, a.Type)
	return cty.NilType, false
}

// blocks opens the nested blocks of one type.
func (d *decoder) blocks(b Block, parent hcl.Body, found hcl.Blocks, prefix string, out map[string]any) {
	if len(found) == 0 {
		return
	}
	l := d.l
	seen := map[string]hcl.Range{}
	var list []any
	labelled := map[string]any{}
	for i, blk := range found {
		if b.Max > 0 && i >= b.Max {
			l.faults.errorf(blk.DefRange, codeDuplicate, "Defined twice", "There may be at most %d block of type %q here; this is number %d.", b.Max, b.Name, i+1)
			continue
		}
		if len(b.Labels) > 0 && !l.once(seen, strings.Join(blk.Labels, "\x00"), blk.DefRange, header(blk)) {
			continue
		}
		if b.Rows {
			d.row(parent, blk)
			continue
		}
		inner := prefix + b.Name + "."
		for _, label := range blk.Labels {
			inner += label + "."
		}
		args := d.body(blk.Body, nil, b.Schema, blk.DefRange, header(blk), inner)
		if args == nil {
			args = map[string]any{}
		}
		into := labelled
		for n, label := range blk.Labels {
			if n == len(blk.Labels)-1 {
				into[label] = args
				break
			}
			next, ok := into[label].(map[string]any)
			if !ok {
				next = map[string]any{}
				into[label] = next
			}
			into = next
		}
		list = append(list, args)
	}
	switch {
	case b.Rows:
	case len(b.Labels) > 0:
		out[b.Name] = labelled
	case b.Max == 1:
		out[b.Name] = list[0]
	default:
		out[b.Name] = list
	}
}

// row appends the text of a block as it stands in the spec, or what a JSON
// spec says in the same words.
func (d *decoder) row(parent hcl.Body, blk *hcl.Block) {
	body, ok := parent.(*hclsyntax.Body)
	if !ok {
		d.rows.WriteString(d.l.jsonRow(blk))
		return
	}
	for _, n := range body.Blocks {
		if n.TypeRange == blk.TypeRange {
			r := n.Range()
			fmt.Fprintf(&d.rows, "%s\n", r.SliceBytes(d.l.texts[r.Filename]))
		}
	}
}
