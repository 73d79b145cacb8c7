package plan

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Axes is the left or right side of a pattern: for each axis the labels that
// it is made of, outermost first. An axis without labels has size 1 and is
// written "1".
//
//	"n d (h two)"  ->  {{n}, {d}, {h, two}}
type Axes [][]string

const (
	maxAxes   = tensor.MaxRank
	maxLabels = 2 * maxAxes // of one side; labels are compared in pairs
)

// maxText bounds the text of one side of a pattern, in bytes.
const maxText = 4096

// ParseAxes reads one side of a pattern.
func ParseAxes(s string) (Axes, error) {
	if len(s) > maxText {
		return nil, fmt.Errorf("axes of %d bytes, at most %d are read", len(s), maxText)
	}
	var out Axes
	group, open, labels := []string(nil), false, 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ':
			i++
		case c == '(':
			if open {
				return nil, fmt.Errorf("axes %q: groups cannot be nested", s)
			}
			group, open = []string{}, true
			i++
		case c == ')':
			if !open {
				return nil, fmt.Errorf("axes %q: ')' without '('", s)
			}
			out, open = append(out, group), false
			i++
		case c == '1' && (i+1 == len(s) || !isLabelByte(s[i+1])):
			if !open {
				out = append(out, []string{})
			}
			i++
		case isLabelStart(c):
			j := i
			for j < len(s) && isLabelByte(s[j]) {
				j++
			}
			if open {
				group = append(group, s[i:j])
			} else {
				out = append(out, []string{s[i:j]})
			}
			i = j
			if labels++; labels > maxLabels {
				return nil, fmt.Errorf("axes %q: more than %d labels", s, maxLabels)
			}
		default:
			return nil, fmt.Errorf("axes %q: unexpected %q", s, c)
		}
		if len(out) > maxAxes || len(group) > maxAxes {
			return nil, fmt.Errorf("axes %q: more than %d axes", s, maxAxes)
		}
	}
	if open {
		return nil, fmt.Errorf("axes %q: '(' is not closed", s)
	}
	if l, twice := out.repeated(); twice {
		return nil, fmt.Errorf("axes %q: label %q stands twice", s, l)
	}
	return out, nil
}

// repeated finds the first label that stands a second time.
func (a Axes) repeated() (label string, found bool) {
	seen := map[string]bool{}
	for _, l := range a.Labels() {
		if seen[l] {
			return l, true
		}
		seen[l] = true
	}
	return "", false
}

func isLabelStart(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isLabelByte(c byte) bool  { return isLabelStart(c) || c >= '0' && c <= '9' }

// String prints the axes as ParseAxes reads them.
func (a Axes) String() string {
	parts := make([]string, len(a))
	for i, ax := range a {
		switch len(ax) {
		case 0:
			parts[i] = "1"
		case 1:
			parts[i] = ax[0]
		default:
			parts[i] = "(" + strings.Join(ax, " ") + ")"
		}
	}
	return strings.Join(parts, " ")
}

func axisText(ax []string) string {
	if len(ax) == 0 {
		return "1"
	}
	return strings.Join(ax, " ")
}

// Labels returns the labels in order.
func (a Axes) Labels() []string {
	var out []string
	for _, ax := range a {
		out = append(out, ax...)
	}
	return out
}

// bind finds the size of every label of a on a tensor of shape s. Sizes known
// beforehand are checked; in each axis one label may be unknown.
func (a Axes) bind(s tensor.Shape, sizes map[string]int) error {
	if len(a) != len(s) {
		return fmt.Errorf("axes %q are %d, the shape %v has %d", a, len(a), s, len(s))
	}
	for i, ax := range a {
		known, unknown := 1, ""
		for _, l := range ax {
			n, ok := sizes[l]
			switch {
			case ok && n > 0:
				if known > tensor.MaxDim/n {
					return fmt.Errorf("axis %d of %q: sizes overflow", i, a)
				}
				known *= n
			case ok:
				known = 0
			case unknown != "":
				return fmt.Errorf("axis %d of %q on shape %v: the sizes of %q and %q are both unknown", i, a, s, unknown, l)
			default:
				unknown = l
			}
		}
		if unknown == "" {
			if known != s[i] {
				return fmt.Errorf("axis %d (%s) has size %d, wanted %d", i, axisText(ax), s[i], known)
			}
			continue
		}
		if known == 0 || s[i]%known != 0 {
			return fmt.Errorf("axis %d (%s) of size %d cannot be split by %d", i, axisText(ax), s[i], known)
		}
		sizes[unknown] = s[i] / known
	}
	return nil
}

// shape returns the shape that the axes have with these label sizes.
func (a Axes) shape(sizes map[string]int) (tensor.Shape, error) {
	s := make(tensor.Shape, len(a))
	for i, ax := range a {
		s[i] = 1
		for _, l := range ax {
			if n := sizes[l]; n > 0 && s[i] > tensor.MaxDim/n {
				return nil, fmt.Errorf("axis %d of %q: sizes overflow", i, a)
			}
			s[i] *= sizes[l]
		}
	}
	return s, s.Check(tensor.Float64)
}

// Pattern is a parsed rearrangement "in -> out": both sides hold the same
// labels, each once.
type Pattern struct{ In, Out Axes }

// ParsePattern reads "in -> out".
func ParsePattern(s string) (Pattern, error) {
	l, r, ok := strings.Cut(s, "->")
	if !ok {
		return Pattern{}, fmt.Errorf("pattern %q has no \"->\"", s)
	}
	in, err := ParseAxes(l)
	if err != nil {
		return Pattern{}, err
	}
	out, err := ParseAxes(r)
	if err != nil {
		return Pattern{}, err
	}
	a, b := in.Labels(), out.Labels()
	if len(a) != len(b) {
		return Pattern{}, fmt.Errorf("pattern %q: the sides hold different labels", s)
	}
	for _, x := range a {
		if !contains(b, x) {
			return Pattern{}, fmt.Errorf("pattern %q: label %q is missing on the right", s, x)
		}
	}
	return Pattern{in, out}, nil
}

func (p Pattern) String() string { return p.In.String() + " -> " + p.Out.String() }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
