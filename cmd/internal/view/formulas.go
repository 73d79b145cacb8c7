package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/plan"
)

// formulas are output tensors whose names, types, shapes and formulas differ in
// numbers alone. They are shown as one where each number of a formula is always
// the same, or always one of the name's: then letters stand for those.
//
//	layers.{i}.mlp.up_proj.weight  bfloat16 [16384, 2048], i = 0 to 17
//	  = rearrange("mlp/up"[{i}], "d f -> f d")
type formulas struct {
	names, exprs []string // texts around the numbers
	what         string
	members      []formula
}

type formula struct {
	name, expr []int // the numbers
	tensor     *plan.Tensor
}

func (t *Text) writeFormulas(b *strings.Builder, p *plan.Plan) {
	fmt.Fprintf(b, "\nTensors\n")
	var list []*formulas
	index := map[string]*formulas{}
	for i := range p.Tensors {
		x := &p.Tensors[i]
		names, n := splitNumbers(x.Name)
		exprs, e := splitNumbers(plan.String(x.Expr))
		what := fmt.Sprintf("%s %v", x.DType, x.Shape)
		key := strings.Join(names, "\x00") + "\x01" + strings.Join(exprs, "\x00") + "\x01" + what
		g := index[key]
		if g == nil {
			g = &formulas{names: names, exprs: exprs, what: what}
			index[key] = g
			list = append(list, g)
		}
		g.members = append(g.members, formula{n, e, x})
	}
	for _, g := range list {
		g.write(b, t.show)
	}
}

func (g *formulas) write(b *strings.Builder, show func(string) string) {
	if name, expr, ranges, ok := g.together(); ok {
		writeFormula(b, show(name), g.what+ranges, show(expr))
		return
	}
	for _, m := range g.members {
		writeFormula(b, show(m.tensor.Name), g.what, show(plan.String(m.tensor.Expr)))
	}
}

func writeFormula(b *strings.Builder, name, what, expr string) {
	line := "  " + name
	if utf8.RuneCountInString(line)+2+len(what) > columns {
		line += "\n  "
	}
	b.WriteString(line + "  " + what + "\n")
	b.WriteString(wrap("    = ", expr))
}

// together writes all members as one, unless they are of no such form.
func (g *formulas) together() (name, expr, ranges string, ok bool) {
	if len(g.members) == 1 {
		m := g.members[0].tensor
		return m.Name, plan.String(m.Expr), "", true
	}
	letters := map[int]string{} // by position in the name
	product := 1
	for i := range g.members[0].name {
		var values []int
		for _, m := range g.members {
			if !slices.Contains(values, m.name[i]) {
				values = append(values, m.name[i])
			}
		}
		if len(values) == 1 {
			continue
		}
		low, high := slices.Min(values), slices.Max(values)
		if high-low+1 != len(values) || len(letters) == 3 {
			return "", "", "", false // a gap
		}
		letters[i] = string("ijk"[len(letters)])
		product *= len(values)
		ranges += fmt.Sprintf(", %s = %d to %d", letters[i], low, high)
	}
	if product != len(g.members) {
		return "", "", "", false
	}
	first := g.members[0]
	name = joinNumbers(g.names, func(i int) string { return placeholder(letters[i], first.name[i]) })
	ok = true
	expr = joinNumbers(g.exprs, func(i int) string {
		same := true
		for _, m := range g.members {
			same = same && m.expr[i] == first.expr[i]
		}
		if same {
			return strconv.Itoa(first.expr[i])
		}
		for at, letter := range letters {
			follows := true
			for _, m := range g.members {
				follows = follows && m.expr[i] == m.name[at]
			}
			if follows {
				return placeholder(letter, 0)
			}
		}
		ok = false
		return ""
	})
	return name, expr, ranges, ok
}

func placeholder(letter string, number int) string {
	if letter == "" {
		return strconv.Itoa(number)
	}
	return "{" + letter + "}"
}

func joinNumbers(texts []string, number func(i int) string) string {
	var b strings.Builder
	for i, t := range texts {
		b.WriteString(t)
		if i < len(texts)-1 {
			b.WriteString(number(i))
		}
	}
	return b.String()
}
