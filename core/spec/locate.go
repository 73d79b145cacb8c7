package spec

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/loraconv/loraconv/core/diag"
)

// Place gives each diagnostic that has a Path and no Range the place that its
// Path means in the spec, if there is one.
func (f *File) Place(list diag.List) {
	for _, d := range list {
		if d.Range == nil && len(d.Path) > 0 {
			if r, ok := f.Locate(d.Path); ok {
				d.Range = &r
			}
		}
	}
}

// Locate turns a path within the spec into a place. A path begins with a
// block and its name, and goes on with arguments, nested blocks, labels, and
// keys or indices of values:
//
//	source, ft, lora, alpha          conversion, robot, output, path
//	source, openpi, ft, path         conversion, robot, rule, late, match, 0
//	variable, checkpoint             locals, run
//
// A name may end in a for_each key: ft["a"]. Where only the beginning of a
// path is found, the place is that of the last thing found; ok is false when
// not even the block is.
func (f *File) Locate(path []string) (r diag.Range, ok bool) {
	if len(path) < 2 {
		return r, false
	}
	for _, file := range f.l.bodies {
		c, _, _ := file.Body.PartialContent(top)
		for _, b := range c.Blocks.OfType(path[0]) {
			rest, ok := afterName(b, path[1:])
			if !ok {
				continue
			}
			at := locate(b.Body, rest, b.DefRange)
			if path[0] == "locals" && at == b.DefRange {
				continue
			}
			return place(at), true
		}
	}
	return r, false
}

// afterName takes a block's name off a path.
func afterName(b *hcl.Block, path []string) ([]string, bool) {
	base := func(s string) string {
		name, _, _ := strings.Cut(s, "[")
		return name
	}
	switch n := len(b.Labels); {
	case n == 0:
		return path, true
	case b.Labels[n-1] == base(path[0]):
		return path[1:], true
	case n == 2 && len(path) > 1 && b.Labels[0] == path[0] && b.Labels[1] == base(path[1]):
		return path[2:], true
	}
	return nil, false
}

// locate walks down a body. at is the place found so far.
func locate(body hcl.Body, path []string, at hcl.Range) hcl.Range {
	if len(path) == 0 {
		return at
	}
	n, ok := body.(*hclsyntax.Body)
	if !ok {
		attrs, _ := body.JustAttributes()
		if a := attrs[path[0]]; a != nil {
			return locateValue(a.Expr, path[1:])
		}
		return at
	}
	if a := n.Attributes[path[0]]; a != nil {
		return locateValue(a.Expr, path[1:])
	}
	nth := 0
	for _, b := range n.Blocks {
		if b.Type != path[0] {
			continue
		}
		rest := path[1:]
		if len(b.Labels) > 0 && len(rest) > 0 {
			if len(rest) < len(b.Labels) || strings.Join(rest[:len(b.Labels)], "\x00") != strings.Join(b.Labels, "\x00") {
				if inside := locate(b.Body, rest, at); inside != at && len(n.Blocks) == 1 || rest[0] != b.Labels[0] && hasChild(b.Body, rest[0]) {
					return inside
				}
				continue
			}
			rest = rest[len(b.Labels):]
		} else if len(rest) > 0 {
			if i, err := strconv.Atoi(rest[0]); err == nil {
				if i != nth {
					nth++
					continue
				}
				rest = rest[1:]
			}
		}
		return locate(b.Body, rest, b.DefRange())
	}
	return at
}

// hasChild reports whether a body has an argument or block of that name: a
// path may leave out the label of a block that is the only one of its type,
// such as a conversion's output.
func hasChild(b *hclsyntax.Body, name string) bool {
	if b.Attributes[name] != nil {
		return true
	}
	for _, c := range b.Blocks {
		if c.Type == name {
			return true
		}
	}
	return false
}

// locateValue walks down a value.
func locateValue(e hcl.Expression, path []string) hcl.Range {
	at := e.Range()
	if n, ok := e.(hclsyntax.Expression); ok {
		e = unmeter(n)
	}
	if len(path) == 0 {
		return at
	}
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		for _, p := range pairs {
			key := hcl.ExprAsKeyword(p.Key)
			if key == "" {
				if v, diags := p.Key.Value(nil); !diags.HasErrors() {
					key, _ = plainText(v)
				}
			}
			if key == path[0] {
				return locateValue(p.Value, path[1:])
			}
		}
		return at
	}
	if items, diags := hcl.ExprList(e); !diags.HasErrors() {
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(items) {
			return locateValue(items[i], path[1:])
		}
		for _, item := range items { // blocks of a type, in JSON
			if r := locateValue(item, path); r != item.Range() {
				return r
			}
		}
	}
	return at
}
