package spec

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/loraconv/loraconv/core/manifest"
)

// open reads a body by a schema. What it does not know is reported.
func (l *loader) open(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	c, diags := body.Content(schema)
	for _, d := range diags {
		switch code := codeOf(d.Summary); {
		case (code == codeArgument || code == codeBlock) && d.Subject != nil:
			l.unexpected(code, *d.Subject, c, schema)
		default:
			l.faults.hcl(hcl.Diagnostics{d}, false)
		}
	}
	return c
}

// unexpected reports an argument or block that a body does not know, with the
// one that may be meant.
func (l *loader) unexpected(code string, at hcl.Range, c *hcl.BodyContent, schema *hcl.BodySchema) {
	name := strings.Trim(string(at.SliceBytes(l.texts[at.Filename])), `"`)
	var arguments, blocks []string
	for _, a := range schema.Attributes {
		if c.Attributes[a.Name] == nil || code == codeBlock {
			arguments = append(arguments, a.Name)
		}
	}
	for _, b := range schema.Blocks {
		blocks = append(blocks, b.Type)
	}
	argument, block := manifest.Suggest(name, arguments), manifest.Suggest(name, blocks)
	if slices.Contains(arguments, name) {
		argument = name
	}
	if slices.Contains(blocks, name) {
		block = name
	}
	asArgument, asBlock := "", ""
	if argument != "" {
		asArgument = fmt.Sprintf(" Did you mean the argument %s = …?", argument)
	}
	if block != "" {
		asBlock = fmt.Sprintf(" Did you mean the block %s { … }?", block)
	}
	switch {
	case code == codeBlock && name == "dynamic":
		l.faults.errorf(at, codeNotYet, "Not supported yet", "dynamic blocks are not supported yet: write the blocks out, or use for_each on the source or the conversion.")
	case code == codeBlock:
		l.faults.errorf(at, code, "Unsupported block type", "No block of type %q is expected here.%s", name, orHint(asBlock, asArgument))
	case len(schema.Attributes) == 0 && asBlock == "":
		l.faults.errorf(at, code, "Unsupported argument", "The argument %q cannot stand here, where only blocks do: %s.", name, strings.Join(blocks, ", "))
	default:
		l.faults.errorf(at, code, "Unsupported argument", "No argument %q is expected here.%s", name, orHint(asArgument, asBlock))
	}
}

// attributes reads a body that holds nothing but arguments, of any name.
func (l *loader) attributes(body hcl.Body) []*hcl.Attribute {
	attrs, diags := body.JustAttributes()
	l.faults.hcl(diags, false)
	out := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Range.Start.Byte < out[j].Range.Start.Byte })
	return out
}

// identifier checks a name that references are made of.
func (l *loader) identifier(what, name string, r hcl.Range) bool {
	if !hclsyntax.ValidIdentifier(name) || len(name) > 128 {
		l.faults.errorf(r, codeName, "Invalid name", "%q is not a name for %s: a name begins with a letter and has letters, digits, _ and - only.", name, what)
		return false
	}
	return true
}

// need reports an argument that is absent.
func (l *loader) need(c *hcl.BodyContent, name string, at hcl.Range, what string) *hcl.Attribute {
	a := c.Attributes[name]
	if a == nil {
		l.faults.errorf(at, codeMissing, "Missing argument", "%s needs the argument %q.", what, name)
	}
	return a
}

// once reports a second block or name.
func (l *loader) once(seen map[string]hcl.Range, key string, at hcl.Range, what string) bool {
	if first, ok := seen[key]; ok {
		l.faults.errorf(at, codeDuplicate, "Defined twice", "%s is defined at %s:%d already.", what, first.Filename, first.Start.Line)
		return false
	}
	seen[key] = at
	return true
}

func header(b *hcl.Block) string {
	text := b.Type
	for _, label := range b.Labels {
		text += fmt.Sprintf(" %q", label)
	}
	return text
}
