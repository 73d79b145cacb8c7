package plan

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// String prints the expression for people:
//
//	rearrange(merge("…/w"[17], "…/lora_a"[17], "…/lora_b"[17], "n h r, m r d -> n h d", 1), "n h d -> d (n h)")
func String(x Expr) string {
	switch x := x.(type) {
	case *Source:
		return x.String()
	case *Merge:
		parts := []string{x.Base.String()}
		for _, t := range x.Terms {
			parts = append(parts, t.A.String(), t.B.String(), strconv.Quote(t.Einsum), number(t.Scale))
		}
		return "merge(" + strings.Join(parts, ", ") + ")"
	case *Rearrange:
		var sizes string
		for _, k := range sortedKeys(x.Sizes) {
			sizes += fmt.Sprintf(", %s = %d", k, x.Sizes[k])
		}
		return "rearrange(" + String(x.X) + ", " + strconv.Quote(x.Pattern) + sizes + ")"
	case *Concat:
		parts := make([]string, len(x.Xs))
		for i, y := range x.Xs {
			parts[i] = String(y)
		}
		return "concat([" + strings.Join(parts, ", ") + "], axis = " + strconv.Itoa(x.Axis) + ")"
	case *Slice:
		return fmt.Sprintf("slice(%s, axis = %d, start = %d, size = %d)", String(x.X), x.Axis, x.Start, x.Size)
	case *Affine:
		s := "affine(" + String(x.X)
		if x.Mul != 0 {
			s += ", mul = " + number(x.Mul)
		}
		if x.Div != 0 {
			s += ", div = " + number(x.Div)
		}
		if x.Add != 0 {
			s += ", add = " + number(x.Add)
		}
		return s + ")"
	case *Fill:
		return fmt.Sprintf("fill(%v, %s)", x.Shape, number(x.Value))
	}
	return fmt.Sprintf("unknown(%T)", x)
}

// String prints the name, quoted, and the index by axis: "…/w"[17, :, 0].
func (s *Source) String() string { return indexed(s.Name, s.Index, nil) }

// indexed prints a name with what is fixed of its axes. An index that Check
// would refuse is printed as it stands.
func indexed(name string, index []At, part *Part) string {
	out := strconv.Quote(name)
	if len(index) == 0 && part == nil {
		return out
	}
	n, last := 0, -1
	for _, at := range index {
		if at.Axis <= last || at.Axis >= maxAxes {
			return fmt.Sprintf("%s%v", out, index)
		}
		n, last = at.Axis+1, at.Axis
	}
	if part != nil {
		if part.Axis < 0 || part.Axis >= maxAxes {
			return fmt.Sprintf("%s%v%v", out, index, *part)
		}
		n = max(n, part.Axis+1)
	}
	axes := make([]string, n)
	for i := range axes {
		axes[i] = ":"
	}
	if part != nil {
		axes[part.Axis] = fmt.Sprintf("%d:%d", part.Start, part.Start+part.Size)
	}
	for _, at := range index {
		axes[at.Axis] = strconv.Itoa(at.Pos)
	}
	return out + "[" + strings.Join(axes, ", ") + "]"
}

func number(f float32) string { return strconv.FormatFloat(float64(f), 'g', -1, 32) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return slices.Clip(keys)
}
