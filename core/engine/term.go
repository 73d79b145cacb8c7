package engine

import (
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// term is one low-rank update as the kernel computes it. The labels of the
// einsum's output, in order, are cut in three:
//
//	outer ... | rows ... | cols ...
//
// cols are the last labels that belong to one operand only, rows those before
// them that belong to the other operand only; outer is the rest. So the leaf,
// flat in C order, is a stack of row-major matrices [r, c], and each is one
// product of the operands, which operands.go has laid out as
//
//	rows operand [its outer labels ..., rows, k]
//	cols operand [its outer labels ..., k, cols]
//
// Which of A and B has the rows does not matter: a product of two floats is
// the same bits either way.
type term struct {
	scale      float32
	rows, cols int // operands
	r, c, k    int
	outer      []outerLabel // innermost first
}

// outerLabel says by how much each operand advances, in elements, when the
// label's index does: 0 where the operand does not have it.
type outerLabel struct{ size, rows, cols int }

// spanBytes is how much of a rows operand is read at least: neighbouring slabs
// need neighbouring rows.
const spanBytes = 64 << 10

// need returns the parts of the two operands, as matrices [r, k] and [k, c], that
// a region needs whose axes have these strides in the leaf. It is for terms
// without outer labels.
func (t *term) need(region box, leaf []int) (rows, cols span) {
	var row, rowEnd, col, colEnd int // the first and the last
	for x, s := range leaf {
		lo, hi := region.lo[x], region.hi[x]-1
		if s >= t.c {
			row, rowEnd = row+lo*(s/t.c), rowEnd+hi*(s/t.c)
		} else {
			col, colEnd = col+lo*s, colEnd+hi*s
		}
	}
	if colEnd >= t.c || rowEnd >= t.r { // an axis that runs over the border of a row
		row, rowEnd, col, colEnd = 0, t.r-1, 0, t.c-1
	}
	block := max(1, spanBytes/(4*max(1, t.k)))
	row, rowEnd = row/block*block, min((rowEnd/block+1)*block, t.r)
	rows = span{width: t.k, row: row, rows: rowEnd - row, cols: t.k}
	cols = span{width: t.c, rows: t.k, col: col, cols: colEnd + 1 - col}
	return rows, cols
}

// contraction is a term worked out for the sizes of its labels.
type contraction struct {
	term
	swapped bool          // b has the rows
	a, b    operandLayout // how each operand is to lie
}

// operandLayout says how an operand is to lie: the sizes of its labels as
// stored, how many of them each stored axis is made of, which of them are
// summed first, and the order of those that stay.
type operandLayout struct {
	sizes  []int
	axes   []int
	summed []bool
	order  []int // positions in sizes
}

func planTerm(t *plan.Term, a, b, out tensor.Shape) (*contraction, error) {
	e, err := plan.ParseEinsum(t.Einsum)
	if err != nil {
		return nil, err
	}
	sizes, err := e.Bind(a, b, out)
	if err != nil {
		return nil, err
	}
	labels := e.Out.Labels()
	c := &contraction{term: term{scale: t.Scale, r: 1, c: 1, k: 1}}
	colClass, rowClass := plan.Right, plan.Left
	last := lastClass(e, labels, sizes)
	if c.swapped = last == plan.Left; c.swapped {
		colClass, rowClass = plan.Left, plan.Right
	}

	outer, cols := trailing(labels, e, sizes, colClass)
	outer, rows := trailing(outer, e, sizes, rowClass)

	var contracted []string
	for _, l := range e.A.Labels() {
		if e.Class[l] == plan.Contracted {
			contracted = append(contracted, l)
			c.k *= sizes[l]
		}
	}
	for _, l := range cols {
		c.c *= sizes[l]
	}
	for _, l := range rows {
		c.r *= sizes[l]
	}
	rowsAxes, colsAxes := e.A, e.B
	if c.swapped {
		rowsAxes, colsAxes = e.B, e.A
	}
	rowsOrder := slices.Concat(outer, rows, contracted)
	colsOrder := slices.Concat(outer, contracted, cols)
	rowsLayout, rowsStride := layoutOperand(e, rowsAxes, rowsOrder, sizes)
	colsLayout, colsStride := layoutOperand(e, colsAxes, colsOrder, sizes)
	for i := len(outer) - 1; i >= 0; i-- {
		l := outer[i]
		c.outer = append(c.outer, outerLabel{sizes[l], rowsStride[l], colsStride[l]})
	}
	c.a, c.b = rowsLayout, colsLayout
	if c.swapped {
		c.a, c.b = c.b, c.a
	}
	return c, nil
}

// trailing cuts labels before the last ones that are of a class. A label of
// size 1 fits anywhere.
func trailing(labels []string, e *plan.Einsum, sizes map[string]int, c plan.Class) (before, last []string) {
	i := len(labels)
	for i > 0 && (e.Class[labels[i-1]] == c || sizes[labels[i-1]] == 1) {
		i--
	}
	return labels[:i], labels[i:]
}

// lastClass is the class of the last label that is longer than 1.
func lastClass(e *plan.Einsum, labels []string, sizes map[string]int) plan.Class {
	for i := len(labels) - 1; i >= 0; i-- {
		if sizes[labels[i]] != 1 {
			return e.Class[labels[i]]
		}
	}
	return plan.Right
}

// layoutOperand lays out the operand with these axes, those of its labels that
// stand in order, and returns by how much each of them advances.
func layoutOperand(e *plan.Einsum, axes plan.Axes, order []string, sizes map[string]int) (operandLayout, map[string]int) {
	var l operandLayout
	for _, ax := range axes {
		l.axes = append(l.axes, len(ax))
	}
	at := map[string]int{}
	for i, x := range axes.Labels() {
		at[x] = i
		l.sizes = append(l.sizes, sizes[x])
		class := e.Class[x]
		l.summed = append(l.summed, class == plan.SumA || class == plan.SumB)
	}
	for _, x := range order {
		if i, ok := at[x]; ok {
			l.order = append(l.order, i)
		}
	}
	stride, n := map[string]int{}, 1
	for i := len(order) - 1; i >= 0; i-- {
		if _, ok := at[order[i]]; ok {
			stride[order[i]] = n
			n *= sizes[order[i]]
		}
	}
	return l, stride
}

// pattern moves a stored operand into the layout, with the summed labels last,
// in their stored order: then each sum runs through neighbours, and adds up in
// the order that it has in the stored array.
func (l *operandLayout) pattern() (p plan.Pattern, sizes map[string]int) {
	names := make([]string, len(l.sizes))
	sizes = map[string]int{}
	for i, n := range l.sizes {
		names[i] = fmt.Sprint("x", i)
		sizes[names[i]] = n
	}
	rest := names
	for _, n := range l.axes {
		p.In, rest = append(p.In, rest[:n]), rest[n:]
	}
	var to []string
	for _, i := range l.order {
		to = append(to, names[i])
	}
	for i := range l.sizes {
		if !slices.Contains(l.order, i) { // summed, or of size 1 and counted with the other operand
			to = append(to, names[i])
		}
	}
	for part := range slices.Chunk(to, maxRank) { // more do not fit into one axis of a pattern
		p.Out = append(p.Out, part)
	}
	return p, sizes
}

// elements returns how many elements stay.
func (l *operandLayout) elements() int {
	n := 1
	for i, s := range l.sizes {
		if !l.summed[i] {
			n *= s
		}
	}
	return n
}
