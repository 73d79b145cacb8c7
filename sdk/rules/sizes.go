package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// sizes settles the size of every letter, and reports each parameter whose
// shape disagrees with the majority or with its own axes.
func (x *expansion) sizes() {
	x.votes = newVotes()
	for _, in := range x.insts {
		x.checkTypes(in)
	}
	x.eachOperand(x.voteSimple)
	x.voteKnown()
	x.elect()
	x.eachOperand(x.voteComposite)
	x.elect()
}

// checkTypes reports sources that are to stand side by side in one array, yet
// are numbers of different kinds: integers are never converted.
func (x *expansion) checkTypes(in *instance) {
	if x.Alone {
		return
	}
	for _, b := range in.bases[min(1, len(in.bases)):] {
		first, this := in.bases[0].t.DType, b.t.DType
		if first != this && (first.Kind() != tensor.KindFloat || this.Kind() != tensor.KindFloat) {
			d := x.res.Diagnostics.Errorf(diag.Keys, CodeShape, "Parameters of different kinds are stored apart but belong together",
				"%s is %s, %s is %s (row %q)", in.bases[0].t.Name, first, b.t.Name, this, in.row.Name)
			d.Tensor, d.Rule = b.t.Name, in.row.Name
		}
	}
}

// operand is one tensor of an instance with the axes that a row gives it.
type operand struct {
	in   *instance
	p    param
	axes []rule.Axis
	key  func(letter string) string
}

// eachOperand visits bases without their stack letters, and both factors of
// every pair.
func (x *expansion) eachOperand(visit func(operand)) {
	for _, in := range x.insts {
		if in.parts != nil { // each is an instance of its own
			continue
		}
		own := map[string]bool{}
		for _, l := range rule.Letters(in.axes) {
			own[l] = true
		}
		for bi, b := range in.bases {
			if b.t != nil {
				visit(operand{in, b.param, in.stored(), in.key})
			}
			for pi, p := range in.loras[bi] {
				key := func(l string) string {
					if own[l] && !slices.Contains(p.stack, l) {
						return in.key(l)
					}
					return pairKey(in, bi, pi, l)
				}
				visit(operand{in, p.a, in.unstacked(p.einsum.a), key})
				visit(operand{in, p.b, in.unstacked(p.einsum.b), key})
			}
		}
	}
}

// stored returns the axes of one base: those of the row less the letters that
// stack several bases.
func (in *instance) stored() []rule.Axis { return in.unstacked(in.axes) }

func (in *instance) unstacked(axes []rule.Axis) []rule.Axis {
	if len(in.stack) == 0 {
		return axes
	}
	var out []rule.Axis
	for _, a := range axes {
		if a.Letter == "" || !slices.Contains(in.stack, a.Letter) {
			out = append(out, a)
		}
	}
	return out
}

func (x *expansion) shapeError(p param, row, format string, args ...any) {
	d := x.res.Diagnostics.Errorf(diag.Keys, CodeShape, "A parameter's shape does not fit",
		"%s has shape %v: %s (row %q)", p.t.Name, p.shape(), fmt.Sprintf(format, args...), row)
	d.Tensor, d.Rule = p.t.Name, row
}

// voteSimple casts the votes of axes that are one letter.
func (x *expansion) voteSimple(o operand) {
	if len(o.axes) != len(o.p.shape()) {
		x.shapeError(o.p, o.in.row.Name, "it has %d axes, wanted %d (%s)", len(o.p.shape()), len(o.axes), rule.FormatAxes(o.axes))
		return
	}
	for i, a := range o.axes {
		if a.Letter != "" {
			if names, ok := o.in.row.Names[a.Letter]; ok && o.p.shape()[i] != len(names) {
				x.shapeError(o.p, o.in.row.Name, "axis %d (%s) is %d, wanted %d: %s", i, a.Letter, o.p.shape()[i], len(names), strings.Join(names, ", "))
			}
			x.votes.cast(o.key(a.Letter), o.p.shape()[i], o.p.t.Name, o.in.row.Name)
		} else if a.Sum == nil && len(a.Prod) == 0 && o.p.shape()[i] != 1 {
			x.shapeError(o.p, o.in.row.Name, "axis %d is %d, wanted 1", i, o.p.shape()[i])
		}
	}
}

// voteComposite solves the axes that are made of several letters, checks the
// sizes that the row states, and casts votes for what that settles.
func (x *expansion) voteComposite(o operand) {
	if len(o.axes) != len(o.p.shape()) {
		return
	}
	sizes := x.sizesOf(o)
	for i, a := range o.axes {
		if a.Letter != "" {
			x.checkStated(o, i, a.Letter, sizes)
			continue
		}
		before := map[string]bool{}
		for l := range sizes {
			before[l] = true
		}
		if err := solve(a, o.p.shape()[i], sizes); err != nil {
			x.unsolved(o, i, err, x.because(o, a, before))
			continue
		}
		for _, l := range rule.Letters([]rule.Axis{a}) {
			if !before[l] {
				x.votes.cast(o.key(l), sizes[l], o.p.t.Name, o.in.row.Name)
				before[l] = true
			}
		}
	}
}

// because names the parameters that settled the sizes of an axis's letters.
func (x *expansion) because(o operand, a rule.Axis, known map[string]bool) string {
	var parts []string
	for _, l := range rule.Letters([]rule.Axis{a}) {
		n := x.votes.size[o.key(l)]
		by := x.votes.by[o.key(l)][n]
		if known[l] && len(by) > 0 && by[0] != o.p.t.Name {
			parts = append(parts, fmt.Sprintf("%s has %s = %d", example(by), x.letterName(l), n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, "; ")
}

// sizesOf returns the sizes that are known for an operand's letters: elected,
// or stated by the row. A stated size wins.
func (x *expansion) sizesOf(o operand) map[string]int {
	sizes := map[string]int{}
	for _, l := range append(rule.Letters(o.in.axes), rule.Letters(o.axes)...) {
		if n, ok := x.votes.size[o.key(l)]; ok {
			sizes[l] = n
		}
	}
	for _, l := range slices.Sorted(maps.Keys(o.in.row.Size)) {
		n, err := x.stated(o.in, l, sizes)
		if errors.Is(err, errOpen) { // the axis that needs it says so
			continue
		}
		if err != nil {
			x.faultOf(err, o.in.row.Name)
			continue
		}
		sizes[l] = n
	}
	return sizes
}

func (x *expansion) stated(in *instance, letter string, sizes map[string]int) (int, error) {
	e := in.row.Size[letter]
	all := map[string]int{}
	because := ""
	for _, l := range e.Variables() { // letters of other rows
		if n, ok := x.votes.size[in.key(l)]; ok {
			all[l] = n
			because += fmt.Sprintf("; %s has %s = %d", example(x.votes.by[in.key(l)][n]), x.letterName(l), n)
			continue
		}
		what, isLetter := x.Table.Letters[l]
		if k, ok := x.Known[what]; ok && isLetter {
			all[l] = k.N
			because += fmt.Sprintf("; %s says %s = %d", k.From, x.letterName(l), k.N)
			continue
		}
		if _, here := sizes[l]; x.Alone && isLetter && !here {
			return 0, errOpen
		}
	}
	for l, n := range sizes {
		all[l] = n
	}
	vars, err := x.vars(e, in.env, all, "")
	if err != nil {
		return 0, err
	}
	f, err := e.Number(vars, x.funcs(in.env))
	if err != nil {
		return 0, err
	}
	if f != float64(int(f)) || f < 1 {
		return 0, fmt.Errorf("size of %q is %v (%s), wanted a positive whole number%s", letter, f, e, because)
	}
	return int(f), nil
}

// faultOf reports an error of an expression: the diagnostic of an unknown
// fact as it is, anything else as a fault of the row.
func (x *expansion) faultOf(err error, row string) {
	var d *diag.Diagnostic
	if errors.As(err, &d) {
		x.res.Diagnostics.Add(d)
		return
	}
	x.res.Diagnostics.Errorf(diag.Usage, CodeRule, "A row cannot be evaluated", "row %q: %v", row, err).Rule = row
}

func (x *expansion) checkStated(o operand, axis int, letter string, sizes map[string]int) {
	if _, ok := o.in.row.Size[letter]; !ok {
		return
	}
	if want, ok := sizes[letter]; ok && o.p.shape()[axis] != want {
		x.shapeError(o.p, o.in.row.Name, "axis %d (%s) is %d, wanted %d (%s = %s)", axis, letter, o.p.shape()[axis], want, letter, o.in.row.Size[letter])
	}
}
