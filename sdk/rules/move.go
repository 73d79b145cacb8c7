package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// stack joins the bases of a row along the letters that name them: each gets
// an axis of size 1 in front, and the letters become axes. Only one such
// letter may remain.
func stack(in *instance, rest []rule.Axis, xs []plan.Expr, sizes map[string]int) (plan.Expr, []rule.Axis, error) {
	var letter string
	var inner []rule.Axis
	for _, a := range rest {
		if a.Letter != "" && slices.Contains(in.stack, a.Letter) {
			if letter != "" {
				return nil, nil, fmt.Errorf("letters %s and %s both stack sources and are not in the target", letter, a.Letter)
			}
			letter = a.Letter
			continue
		}
		inner = append(inner, a)
	}
	if letter == "" || sizes[letter] != len(xs) {
		return nil, nil, fmt.Errorf("%d sources are stacked, but no axis of %q stands for them", len(xs), in.row.Axes)
	}
	labels := plan.Axes{}
	for i, a := range inner {
		labels = append(labels, []string{axisName(i, a)})
	}
	lifted := append(plan.Axes{{}}, labels...)
	out := &plan.Concat{Axis: 0}
	for _, e := range xs {
		out.Xs = append(out.Xs, &plan.Rearrange{X: e, Pattern: plan.Pattern{In: labels, Out: lifted}.String()})
	}
	return out, append([]rule.Axis{{Letter: letter}}, inner...), nil
}

// axisName labels a whole axis: by its letter, or by its number.
func axisName(i int, a rule.Axis) string {
	if a.Letter != "" {
		return a.Letter
	}
	return fmt.Sprintf("x%d", i)
}

// move brings a value to the axes to. Segments of a sum are sliced out of it; an
// output axis that is a sum joins segments, of one value or of several.
func move(ps []piece, to []rule.Axis, sizes map[string]int) (plan.Expr, tensor.Shape, error) {
	for i, a := range to {
		if a.Sum == nil {
			continue
		}
		out := &plan.Concat{Axis: i}
		var shape tensor.Shape
		for _, seg := range a.Sum {
			one := append(append(append([]rule.Axis{}, to[:i]...), seg), to[i+1:]...)
			x, s, err := move(ps, one, sizes)
			if err != nil {
				return nil, nil, err
			}
			out.Xs = append(out.Xs, x)
			if shape == nil {
				shape = s
			} else {
				shape[i] += s[i]
			}
		}
		return out, shape, nil
	}
	p, err := pickPiece(ps, to)
	if err != nil {
		return nil, nil, err
	}
	e, from, err := segment(p.e, p.axes, to, sizes)
	if err != nil {
		return nil, nil, err
	}
	return rearrange(e, from, to, sizes)
}

// segment slices e wherever from has a sum, to the one segment whose letters
// to uses.
func segment(e plan.Expr, from, to []rule.Axis, sizes map[string]int) (plan.Expr, []rule.Axis, error) {
	want := rule.Letters(to)
	for i := 0; i < len(from); i++ {
		if !from[i].HasSum() {
			continue
		}
		if from[i].Sum == nil { // a product that holds a sum: take it apart first
			parts := from[i].Prod
			opened := append(append(append([]rule.Axis{}, from[:i]...), parts...), from[i+1:]...)
			in, out := plan.Axes{}, plan.Axes{}
			need := map[string]int{}
			for k, a := range from {
				if k != i {
					in, out = append(in, []string{axisName(k, a)}), append(out, []string{axisName(k, a)})
					continue
				}
				group := []string{}
				for m, p := range parts {
					n, ok := measure(p, sizes)
					if !ok {
						return nil, nil, fmt.Errorf("the size of %s is not known", p)
					}
					l := strings.Join(rule.Letters([]rule.Axis{p}), "_")
					group, out = append(group, l), append(out, []string{l})
					if m > 0 { // the first follows from the rest
						need[l] = n
					}
				}
				in = append(in, group)
			}
			e = &plan.Rearrange{X: e, Pattern: plan.Pattern{In: in, Out: out}.String(), Sizes: need}
			from = opened
			i--
			continue
		}
		start := 0
		found := false
		whole, _ := measure(from[i], sizes)
		for _, seg := range from[i].Sum {
			n, ok := measure(seg, sizes)
			if !ok {
				return nil, nil, fmt.Errorf("the size of %s is not known", seg)
			}
			if used(seg, want) {
				if n != whole {
					e = &plan.Slice{X: e, Axis: i, Start: start, Size: n}
				}
				from = append(append(append([]rule.Axis{}, from[:i]...), seg), from[i+1:]...)
				found = true
				break
			}
			start += n
		}
		if !found {
			return nil, nil, fmt.Errorf("no segment of %s is used", from[i])
		}
		i--
	}
	return e, from, nil
}

func used(seg rule.Axis, want []string) bool {
	for _, l := range rule.Letters([]rule.Axis{seg}) {
		if !slices.Contains(want, l) {
			return false
		}
	}
	return true
}

// rearrange writes the einops pattern from one list of axes to another; none
// where both are the same.
func rearrange(e plan.Expr, from, to []rule.Axis, sizes map[string]int) (plan.Expr, tensor.Shape, error) {
	in, out := flatten(from), flatten(to)
	shape := make(tensor.Shape, len(out))
	need := map[string]int{}
	for i, ax := range out {
		shape[i] = 1
		for _, l := range ax {
			n, ok := sizes[l]
			if !ok {
				return nil, nil, fmt.Errorf("the size of %s is not known", l)
			}
			shape[i] *= n
		}
	}
	for _, ax := range in {
		for _, l := range ax[min(1, len(ax)):] { // the first of a group follows from the rest
			need[l] = sizes[l]
		}
	}
	p := plan.Pattern{In: in, Out: out}
	if in.String() == out.String() {
		return e, shape, nil
	}
	if _, err := plan.ParsePattern(p.String()); err != nil {
		return nil, nil, err
	}
	r := &plan.Rearrange{X: e, Pattern: p.String()}
	if len(need) > 0 {
		r.Sizes = need
	}
	return r, shape, nil
}

// flatten turns axes without sums into groups of letters.
func flatten(axes []rule.Axis) plan.Axes {
	out := plan.Axes{}
	for _, a := range axes {
		out = append(out, rule.Letters([]rule.Axis{a}))
	}
	for i := range out {
		if out[i] == nil {
			out[i] = []string{}
		}
	}
	return out
}
