package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxIncludes bounds how deep tables may include others.
const maxIncludes = 8

// Resolve returns a table's text with what it includes:
//
//	include = ["attention", "mlp"]
//
// takes over the roots, letters, blocks and rows of those tables, in that order
// and before its own. A block of the table itself, of whatever kind, replaces an
// included one of its name in its place, and so does a letter; two included
// tables may not say different things of one name. read gives a table's text.
//
// A text without includes comes back as it is. Otherwise the arguments are
// printed, and blocks keep their text with the comments above them.
func Resolve(name string, read func(name string) (string, error)) (string, error) {
	p, err := resolve(name, read, nil)
	if err != nil {
		return "", err
	}
	if p.whole != "" {
		return p.whole, nil
	}
	out := p.print()
	if len(out) > MaxBytes {
		return "", fmt.Errorf("%s: %d bytes with what it includes, at most %d", name, len(out), MaxBytes)
	}
	return out, nil
}

func (p *pieces) print() string {
	w := &printer{}
	w.b.WriteString(p.head)
	if p.t.Roots != nil {
		w.attr("roots", list(p.t.Roots))
	}
	w.text("runtime", p.t.Runtime)
	w.flush()
	if len(p.t.Letters) > 0 {
		w.head("letters =")
		for _, l := range sortedNames(p.t.Letters) {
			w.attr(key(l), Quote(p.t.Letters[l]))
		}
		w.close()
	}
	for _, c := range p.blocks {
		if w.b.Len() > 0 {
			w.b.WriteByte('\n')
		}
		w.b.WriteString(c.text)
	}
	return w.b.String()
}

// pieces is a table's text in parts.
type pieces struct {
	whole  string // where nothing is included
	head   string // the comment that the text begins with, and an empty line
	t      *Table // roots, runtime and letters alone
	blocks []chunk
}

// chunk is one block at the top of a table.
type chunk struct {
	key, text string // kind and name; the block with its comment
	from      string // the table that it stands in
}

func resolve(name string, read func(string) (string, error), within []string) (*pieces, error) {
	if slices.Contains(within, name) || len(within) == maxIncludes {
		return nil, fmt.Errorf("%s includes %s: in a circle, or deeper than %d", strings.Join(within, " includes "), name, maxIncludes)
	}
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	own, includes, err := cut(text, name)
	if err != nil {
		return nil, err
	}
	if len(includes) == 0 {
		own.whole = text
		return own, nil
	}
	all := &pieces{head: own.head, t: &Table{Letters: map[string]string{}}}
	for _, inc := range includes {
		p, err := resolve(inc, read, append(within[:len(within):len(within)], name))
		if err != nil {
			return nil, err
		}
		if err := all.take(p, own); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	all.put(own)
	return all, nil
}

// take adds an included table. What the including one says itself may differ.
func (p *pieces) take(inc, own *pieces) error {
	for l, what := range inc.t.Letters {
		if have, ok := p.t.Letters[l]; ok && have != what && own.t.Letters[l] == "" {
			return fmt.Errorf("letter %q is %q in one included table and %q in another", l, have, what)
		}
	}
	for _, c := range inc.blocks {
		i, mine := p.find(c.key), own.find(c.key)
		if i >= 0 && p.blocks[i].text != c.text && mine < 0 {
			return fmt.Errorf("%s is not the same in %s and in %s, which are both included", c.key, p.blocks[i].from, c.from)
		}
	}
	p.put(inc)
	return nil
}

// put adds what q says; of one name, q's replaces what was there.
func (p *pieces) put(q *pieces) {
	if q.t.Roots != nil {
		p.t.Roots = q.t.Roots
	}
	if q.t.Runtime != "" {
		p.t.Runtime = q.t.Runtime
	}
	maps.Copy(p.t.Letters, q.t.Letters)
	for _, c := range q.blocks {
		if i := p.find(c.key); i >= 0 {
			p.blocks[i] = c
		} else {
			p.blocks = append(p.blocks, c)
		}
	}
}

func (p *pieces) find(key string) int {
	return slices.IndexFunc(p.blocks, func(c chunk) bool { return c.key == key })
}

// cut takes a text apart. What stands in its blocks is Parse's to judge.
func cut(text, name string) (*pieces, []string, error) {
	if len(text) > MaxBytes {
		return nil, nil, fmt.Errorf("%s: %d bytes, at most %d are read", name, len(text), MaxBytes)
	}
	if err := checkNesting([]byte(text)); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	f, diags := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, nil, fmt.Errorf("%s:%d: %s; %s", name, diags[0].Subject.Start.Line, diags[0].Summary, diags[0].Detail)
	}
	body := f.Body.(*hclsyntax.Body)
	p := &parser{src: text, t: &Table{Letters: map[string]string{}}}
	includes := p.arguments(body, "include").list("include")
	if len(p.errs) > 0 {
		return nil, nil, p.errs[0]
	}
	lines := strings.SplitAfter(text, "\n")
	out := &pieces{head: comment(lines), t: p.t}
	for _, b := range body.Blocks {
		first, last := b.TypeRange.Start.Line-1, b.CloseBraceRange.End.Line
		for first > 0 && strings.HasPrefix(lines[first-1], "#") {
			first--
		}
		out.blocks = append(out.blocks, chunk{strings.Join(append([]string{b.Type}, b.Labels...), " "), strings.TrimSuffix(strings.Join(lines[first:last], ""), "\n") + "\n", name})
	}
	return out, includes, nil
}

// comment is what lines begin with, and an empty line.
func comment(lines []string) string {
	n := 0
	for n < len(lines) && strings.HasPrefix(lines[n], "#") {
		n++
	}
	if n == 0 || n == len(lines) || strings.TrimSpace(lines[n]) != "" { // the comment of what follows
		return ""
	}
	return strings.Join(lines[:n], "") + "\n"
}
