package rule

import (
	"fmt"
	"strings"
)

// Axis is one axis of a tensor as a row writes it: a letter, a product of
// axes (outermost first; the empty product has size 1), or a sum of segments.
type Axis struct {
	Letter string
	Prod   []Axis // where Letter is "" and Sum is nil
	Sum    []Axis
}

// ParseAxes reads a list of axes.
func ParseAxes(s string) ([]Axis, error) {
	if len(s) > maxAxesText {
		return nil, fmt.Errorf("axes of %d bytes, at most %d are read", len(s), maxAxesText)
	}
	p := &axisParser{s: s}
	out, err := p.list(false)
	if err != nil {
		return nil, fmt.Errorf("axes %q: %w", s, err)
	}
	if nesting(out) > maxNesting { // a product within a sum is written without brackets, too
		return nil, fmt.Errorf("axes %q: %w", s, errNesting)
	}
	if l := twice(out); l != "" {
		return nil, fmt.Errorf("axes %q: letter %q stands twice", s, l)
	}
	return out, nil
}

// maxNesting is how deep sums and products may lie within one another.
const maxNesting = 3

var errNesting = fmt.Errorf("brackets are nested deeper than %d", maxNesting)

// nesting is how deep the brackets are when the axes are printed.
func nesting(axes []Axis) int {
	deepest := 0
	for _, a := range axes {
		if parts := append(a.Sum, a.Prod...); len(parts) > 0 {
			deepest = max(deepest, 1+nesting(parts))
		}
	}
	return deepest
}

// twice returns a letter that stands twice in what one element has at once.
// Segments of a sum are alternatives and may share letters.
func twice(axes []Axis) string {
	seen := map[string]bool{}
	for _, a := range axes {
		switch {
		case a.Sum != nil:
			for _, seg := range a.Sum {
				if l := twice([]Axis{seg}); l != "" {
					return l
				}
			}
		case a.Letter == "":
			if l := twice(a.Prod); l != "" {
				return l
			}
		}
		own := Letters([]Axis{a})
		for _, l := range own {
			if seen[l] {
				return l
			}
		}
		for _, l := range own {
			seen[l] = true
		}
	}
	return ""
}

// maxAxesText bounds the text of a list of axes, in bytes.
const maxAxesText = 1024

type axisParser struct {
	s     string
	i     int
	depth int
}

// list reads axes up to the end or the closing bracket. Within brackets, "+"
// turns the list into a sum of what stands between the signs.
func (p *axisParser) list(inGroup bool) ([]Axis, error) {
	if p.depth++; p.depth > maxNesting+1 {
		return nil, errNesting
	}
	defer func() { p.depth-- }()
	var terms [][]Axis
	cur := []Axis{}
	for {
		for p.i < len(p.s) && p.s[p.i] == ' ' {
			p.i++
		}
		if p.i == len(p.s) {
			if inGroup {
				return nil, fmt.Errorf("'(' is not closed")
			}
			return cur, nil
		}
		switch c := p.s[p.i]; {
		case c == '(':
			p.i++
			in, err := p.list(true)
			if err != nil {
				return nil, err
			}
			cur = append(cur, group(in))
		case c == ')':
			if !inGroup {
				return nil, fmt.Errorf("')' without '('")
			}
			p.i++
			if terms == nil {
				return cur, nil
			}
			return sum(append(terms, cur))
		case c == '+':
			if !inGroup {
				return nil, fmt.Errorf("'+' stands outside brackets")
			}
			p.i++
			terms, cur = append(terms, cur), []Axis{}
		case c == '1' && (p.i+1 == len(p.s) || !letterByte(p.s[p.i+1], false)):
			p.i++
			cur = append(cur, Axis{Prod: []Axis{}})
		case letterByte(c, true):
			j := p.i
			for j < len(p.s) && letterByte(p.s[j], false) {
				j++
			}
			cur = append(cur, Axis{Letter: p.s[p.i:j]})
			p.i = j
		default:
			return nil, fmt.Errorf("unexpected %q", c)
		}
	}
}

func letterByte(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || !first && c >= '0' && c <= '9'
}

// group makes one axis of a bracket's content; a sum arrives as one already.
func group(in []Axis) Axis {
	if len(in) == 1 {
		return in[0]
	}
	return Axis{Prod: in}
}

func sum(terms [][]Axis) ([]Axis, error) {
	out := Axis{}
	for _, t := range terms {
		if len(t) == 0 {
			return nil, fmt.Errorf("a segment of a sum is empty")
		}
		out.Sum = append(out.Sum, group(t))
	}
	return []Axis{out}, nil
}

// Letters returns every letter in order of appearance, repeats included.
func Letters(axes []Axis) []string {
	var out []string
	for _, a := range axes {
		switch {
		case a.Letter != "":
			out = append(out, a.Letter)
		case a.Sum != nil:
			out = append(out, Letters(a.Sum)...)
		default:
			out = append(out, Letters(a.Prod)...)
		}
	}
	return out
}

// HasSum reports whether a holds a sum.
func (a Axis) HasSum() bool {
	if a.Sum != nil {
		return true
	}
	for _, p := range a.Prod {
		if p.HasSum() {
			return true
		}
	}
	return false
}

// FormatAxes prints axes as ParseAxes reads them.
func FormatAxes(axes []Axis) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = a.String()
	}
	return strings.Join(parts, " ")
}

// String prints the axis as ParseAxes reads it.
func (a Axis) String() string {
	switch {
	case a.Letter != "":
		return a.Letter
	case a.Sum != nil:
		parts := make([]string, len(a.Sum))
		for i, x := range a.Sum {
			parts[i] = x.String()
		}
		return "(" + strings.Join(parts, " + ") + ")"
	case len(a.Prod) == 0:
		return "1"
	}
	return "(" + FormatAxes(a.Prod) + ")"
}
