package rule

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

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
