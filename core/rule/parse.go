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
