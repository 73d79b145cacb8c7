package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/rule"
)

// targetLetters returns the axes that the target's name takes apart: letters
// of the row or of its block's stack, by themselves or within a formula.
func (x *expansion) targetLetters(in *instance, sizes map[string]int) ([]string, error) {
	c := collector{x: x, in: in, sizes: sizes, axes: rule.Letters(in.axes)}
	for _, n := range named(fill(in.row.Target, in.env.text)) {
		e, err := x.formula(n)
		if err != nil {
			return nil, err
		}
		if err := c.collect(e, 0); err != nil {
			return nil, fmt.Errorf("{%s} in target %q: %w", n, in.row.Target, err)
		}
	}
	return c.letters, nil
}

type collector struct {
	x       *expansion
	in      *instance
	sizes   map[string]int
	axes    []string
	letters []string
}

func (c *collector) collect(e *rule.Expr, depth int) error {
	if depth > 8 {
		return fmt.Errorf("formulas refer to one another without end")
	}
	for _, v := range e.Variables() {
		_, isSize := c.sizes[v]
		_, isNum := c.in.env.num[v]
		_, isFact := c.x.Facts[v]
		_, isText := c.in.env.text[v]
		let, isLet := c.in.env.let[v]
		switch {
		case isSize && slices.Contains(c.axes, v):
			if !slices.Contains(c.letters, v) {
				c.letters = append(c.letters, v)
			}
		case isLet:
			if err := c.collect(let, depth+1); err != nil {
				return err
			}
		case isNum, isText, isFact, c.x.Unknown[v] != nil, c.x.Table.Block(v) != nil:
		default:
			return fmt.Errorf("%q is neither a capture, nor a letter of %q, nor one of its block", v, c.in.row.Axes)
		}
	}
	return nil
}

// targetName fills a name's braces: captures, names of letters, and formulas
// over letters' positions such as {6*j + b}, and facts that are text.
func (x *expansion) targetName(in *instance, template string, at map[string]int) (string, error) {
	texts := pick(in.row.Names, at)
	for l, i := range at {
		if _, named := in.row.Names[l]; !named {
			texts[l] = strconv.Itoa(i)
		}
	}
	for k, v := range in.env.text {
		if _, ok := texts[k]; !ok {
			texts[k] = v
		}
	}
	s := fill(template, texts)
	values := map[string]string{}
	for _, n := range named(s) {
		if f, ok := x.Facts[n]; ok && f.Type() == cty.String {
			values[n] = f.AsString()
			continue
		}
		e, err := x.formula(n)
		if err != nil {
			return "", err
		}
		i, err := x.whole(e, in.env, at)
		if err != nil {
			return "", fmt.Errorf("{%s} in target %q: %w", n, template, err)
		}
		values[n] = strconv.Itoa(i)
	}
	return fill(s, values), nil
}

var braces = regexp.MustCompile(`\{([^{}]*)\}`)

// fill replaces {name} by its value; names without one stay.
func fill(s string, env map[string]string) string {
	return braces.ReplaceAllStringFunc(s, func(m string) string {
		if v, ok := env[m[1:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// named returns the names in braces, in order.
func named(s string) []string {
	var out []string
	for _, m := range braces.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

// formula returns the parsed text of what stands in braces.
func (x *expansion) formula(text string) (*rule.Expr, error) {
	if e, ok := x.formulas[text]; ok {
		return e, nil
	}
	e, err := rule.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	x.formulas[text] = e
	return e, nil
}
