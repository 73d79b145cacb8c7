package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// MaxBytes is the length of the longest text that Parse reads.
const MaxBytes = 1 << 20

// Parse reads a table from the rule notation. file is the name that errors
// show. It reports every fault that it finds, one a line.
func Parse(text, file string) (*Table, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", file, len(text), MaxBytes)
	}
	if err := checkNesting([]byte(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	f, diags := hclsyntax.ParseConfig([]byte(text), file, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s:%d: %s; %s", file, diags[0].Subject.Start.Line, diags[0].Summary, diags[0].Detail)
	}
	p := &parser{src: text, t: &Table{Letters: map[string]string{}}}
	p.top(f.Body.(*hclsyntax.Body))
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.t, nil
}

type parser struct {
	src  string
	t    *Table
	errs []error
}

func (p *parser) fail(r hcl.Range, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", r.Filename, r.Start.Line, fmt.Sprintf(format, args...)))
}

func (p *parser) top(b *hclsyntax.Body) {
	p.arguments(b)
	seen := map[string]bool{}
	for _, blk := range b.Blocks {
		if len(blk.Labels) != 1 {
			p.fail(blk.DefRange(), "block %q takes one label", blk.Type)
			continue
		}
		name := blk.Labels[0]
		if key := blk.Type + " " + name; seen[key] {
			p.fail(blk.DefRange(), "%s %q stands twice", blk.Type, name)
		} else {
			seen[key] = true
		}
		switch blk.Type {
		case "define", "drop", "refuse":
			p.noBlocks(blk.Body)
		}
		switch blk.Type {
		case "capture":
			p.capture(name, blk)
		case "block":
			p.block(name, blk)
		case "define":
			a := p.attrs(blk.Body, "value")
			if blk.Body.Attributes["value"] == nil {
				p.fail(blk.DefRange(), "argument %q is required", "value")
			}
			p.t.Defines = append(p.t.Defines, Define{Name: name, Value: a.expr("value")})
		case "rule":
			p.row(name, blk)
		case "drop":
			a := p.attrs(blk.Body, "source", "reason", "when")
			p.t.Drops = append(p.t.Drops, Drop{Name: name, Source: a.need("source"), Reason: a.need("reason"), When: a.expr("when")})
		case "refuse":
			a := p.attrs(blk.Body, "source", "reason")
			p.t.Refusals = append(p.t.Refusals, Refusal{Name: name, Source: a.need("source"), Reason: a.need("reason")})
		default:
			p.fail(blk.DefRange(), "unknown block %q", blk.Type)
		}
	}
}

// arguments reads a table's own; more are allowed beside them.
func (p *parser) arguments(b *hclsyntax.Body, more ...string) attrs {
	a := p.attrs(b, append(more, "roots", "runtime", "letters")...)
	p.t.Roots = a.list("roots")
	p.t.Runtime = a.floatType("runtime")
	for k, v := range a.strings("letters") {
		p.t.Letters[k] = v
	}
	return a
}

func (p *parser) capture(name string, blk *hclsyntax.Block) {
	c := Capture{Name: name, Shared: p.attrs(blk.Body, "shared").bool("shared")}
	for _, v := range blk.Body.Blocks {
		if v.Type != "value" || len(v.Labels) != 1 {
			p.fail(v.DefRange(), "a capture holds value blocks with one label")
			continue
		}
		p.noBlocks(v.Body)
		cv := CaptureValue{Value: v.Labels[0], Fields: map[string]string{}}
		a := p.attrs(v.Body, keys(v.Body)...)
		for k := range v.Body.Attributes {
			if k == "when" {
				cv.When = a.expr("when")
			} else {
				cv.Fields[k] = a.str(k)
			}
		}
		c.Values = append(c.Values, cv)
	}
	p.t.Captures = append(p.t.Captures, c)
}

func (p *parser) noBlocks(b *hclsyntax.Body) {
	for _, blk := range b.Blocks {
		p.fail(blk.DefRange(), "unknown block %q", blk.Type)
	}
}

func (p *parser) block(name string, blk *hclsyntax.Block) {
	a := p.attrs(blk.Body, "optional", "count", "own")
	b := Block{Name: name, Optional: a.bool("optional"), Count: a.expr("count"), Own: strings.Fields(a.str("own"))}
	for _, l := range b.Own {
		if !IsName(l) {
			p.fail(blk.DefRange(), "own: %q is not a letter", l)
		}
	}
	for _, at := range blk.Body.Blocks {
		if at.Type != "at" || len(at.Labels) != 1 {
			p.fail(at.DefRange(), "a block holds at blocks with one label")
			continue
		}
		b.Places = append(b.Places, p.place(at))
	}
	if len(b.Places) == 0 {
		p.fail(blk.DefRange(), "block %q is nowhere: it needs an at", name)
	}
	p.t.Blocks = append(p.t.Blocks, b)
}

func (p *parser) place(at *hclsyntax.Block) Place {
	p.noBlocks(at.Body)
	a := p.attrs(at.Body, keys(at.Body)...)
	pl := Place{Path: at.Labels[0], Stack: strings.Fields(a.str("stack")), Axis: a.expr("axis"), When: a.expr("when")}
	known, err := PathLetters(pl.Path)
	if err != nil {
		p.fail(at.DefRange(), "%v", err)
	}
	for _, l := range append(known[:len(known):len(known)], pl.Stack...) {
		if !IsName(l) {
			p.fail(at.DefRange(), "%q is not a letter", l)
		}
	}
	for _, k := range keys(at.Body) {
		if k == "stack" || k == "axis" || k == "when" {
			continue
		}
		if slices.Contains(known, k) || slices.Contains(pl.Stack, k) {
			p.fail(at.Body.Attributes[k].SrcRange, "letter %q has two meanings", k)
		}
		if pl.Let == nil {
			pl.Let = map[string]*Expr{}
		}
		pl.Let[k] = a.expr(k)
	}
	return pl
}

// PathLetters returns the letters in braces of a place's path, in order.
func PathLetters(path string) ([]string, error) {
	var out []string
	for rest := path; ; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			return out, nil
		}
		end := strings.IndexByte(rest, '}')
		if rest[open] == '}' || end < 0 || !IsName(rest[open+1:end]) || slices.Contains(out, rest[open+1:end]) {
			return out, fmt.Errorf("path %q: braces hold one letter each, each letter once", path)
		}
		out = append(out, rest[open+1:end])
		rest = rest[end+1:]
		if strings.HasPrefix(rest, "{") {
			return out, fmt.Errorf("path %q: two letters stand side by side", path)
		}
	}
}

// IsName reports whether s may name a letter, capture, block or definition.
func IsName(s string) bool {
	for i := range len(s) {
		if !letterByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

func (p *parser) row(name string, blk *hclsyntax.Block) {
	a := p.attrs(blk.Body, "source", "axes", "names", "size", "where", "drop", "mul", "div", "add", "fill", "to", "target", "module", "optional", "when", "runtime")
	r := Row{
		Name: name, Source: a.str("source"), Axes: a.str("axes"), Where: a.strings("where"),
		Drop: a.strings("drop"),
		Mul:  a.expr("mul"), Div: a.expr("div"), Add: a.expr("add"), Fill: a.expr("fill"),
		To: a.str("to"), Target: a.need("target"), Module: a.str("module"),
		Optional: a.bool("optional"), When: a.expr("when"), Runtime: a.floatType("runtime"),
		Names: a.lists("names"), Size: a.exprs("size"),
	}
	for _, l := range blk.Body.Blocks {
		switch {
		case l.Type == "part" && len(l.Labels) == 0:
			r.Parts = append(r.Parts, p.part(name, l))
		case l.Type == "lora" && len(l.Labels) == 0:
			r.Lora = append(r.Lora, p.lora(name, l))
		default:
			p.fail(l.DefRange(), "unknown block %q", l.Type)
		}
	}
	switch whole := r.Source != "" || r.Fill != nil; {
	case len(r.Parts) > 0 && (whole || r.Axes != "" || r.Lora != nil || r.Names != nil || r.Drop != nil || r.Optional):
		p.fail(blk.DefRange(), "rule %q joins parts: beside them stand no source, axes, fill, lora, names, drop or optional", name)
	case len(r.Parts) == 0 && (r.Source == "") != (r.Fill != nil):
		p.fail(blk.DefRange(), "rule %q needs a source, or a fill and no source", name)
	case len(r.Parts) == 0:
		a.need("axes")
	}
	if r.Mul != nil && r.Div != nil {
		p.fail(blk.DefRange(), "rule %q has both mul and div", name)
	}
	for _, s := range []string{r.Axes, r.To} {
		if _, err := ParseAxes(s); err != nil {
			p.fail(blk.DefRange(), "rule %q: %v", name, err)
		}
	}
	for _, l := range sortedNames(r.Drop) {
		if r.Drop[l] == "" {
			p.fail(blk.DefRange(), "rule %q drops %q without a reason", name, l)
		}
	}
	p.lettersOf(&r, blk)
	p.t.Rows = append(p.t.Rows, r)
}

// lettersOf reports names and sizes that the row gives to no letter of its own:
// nothing would ever look at them.
func (p *parser) lettersOf(r *Row, blk *hclsyntax.Block) {
	texts := []string{r.Axes, r.To}
	for _, x := range r.Parts {
		texts = append(texts, x.Axes)
	}
	own := map[string]bool{}
	add := func(texts ...string) {
		for _, s := range texts {
			axes, _ := ParseAxes(s) // what cannot be read has been reported
			for _, l := range Letters(axes) {
				own[l] = true
			}
		}
	}
	add(texts...)
	for _, l := range sortedNames(r.Names) {
		if !own[l] {
			p.fail(blk.DefRange(), "rule %q names positions of %q, which is no letter of its axes", r.Name, l)
		}
	}
	for _, l := range r.Lora { // a letter may be a factor's alone
		a, out, _ := strings.Cut(l.Einsum, "->")
		a, b, _ := strings.Cut(a, ",")
		add(a, b, out)
	}
	for _, l := range sortedNames(r.Size) {
		if !own[l] {
			p.fail(blk.DefRange(), "rule %q says a size of %q, which is no letter of its axes", r.Name, l)
		}
	}
}

func (p *parser) part(row string, blk *hclsyntax.Block) Part {
	p.noBlocks(blk.Body)
	a := p.attrs(blk.Body, "source", "axes")
	out := Part{Source: a.need("source"), Axes: a.need("axes")}
	if _, err := ParseAxes(out.Axes); err != nil {
		p.fail(blk.DefRange(), "rule %q: %v", row, err)
	}
	return out
}

func (p *parser) lora(row string, blk *hclsyntax.Block) Lora {
	p.noBlocks(blk.Body)
	a := p.attrs(blk.Body, "a", "b", "einsum", "scale")
	out := Lora{A: a.need("a"), B: a.need("b"), Einsum: a.need("einsum"), Scale: a.expr("scale")}
	if out.Scale == nil {
		p.fail(blk.DefRange(), "lora of rule %q has no scale; a scale is never assumed", row)
	}
	if err := checkEinsum(out.Einsum); err != nil {
		p.fail(blk.DefRange(), "rule %q: %v", row, err)
	}
	return out
}

// checkEinsum reads an einsum as far as this package can: two operands and a
// result, whose axes may hold sums.
func checkEinsum(s string) error {
	in, out, ok := strings.Cut(s, "->")
	a, b, ok2 := strings.Cut(in, ",")
	if !ok || !ok2 {
		return fmt.Errorf("einsum %q must read \"a, b -> out\"", s)
	}
	for _, x := range []string{a, b, out} {
		if _, err := ParseAxes(x); err != nil {
			return fmt.Errorf("einsum: %w", err)
		}
	}
	return nil
}
