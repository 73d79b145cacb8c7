package plan

import (
	"github.com/loraconv/loraconv/core/tensor"
)

// Expr is a node of an expression. The set of implementations is closed; a
// new one needs a new plan version.
type Expr interface{ isExpr() }

// Source is a tensor of a source. Index fixes axes, which leaves the others
// in their order.
type Source struct {
	From  string // name of the source, one of Plan.Sources
	Name  string // the parameter's manifest name
	Index []At   // sorted by axis, each axis once
}

// At fixes one axis of a source tensor, counted in its stored shape.
type At struct {
	Axis, Pos int
}

// Merge is base + sum over terms of float32(scale * einsum(a, b)), added in
// the order of Terms. Its shape is that of Base.
type Merge struct {
	Base  *Source
	Terms []Term
}

// Term is one low-rank update. Einsum has two operands, whose axes are those
// of A and B after indexing, and gives the axes of the merge's base.
type Term struct {
	A, B   *Source
	Einsum string
	Scale  float32
}

// Rearrange permutes, splits and merges the axes of X. Sizes gives the labels
// that the shape of X does not settle.
type Rearrange struct {
	X       Expr
	Pattern string
	Sizes   map[string]int
}

// Concat joins Xs along Axis.
type Concat struct {
	Xs   []Expr
	Axis int
}

// Slice takes Size elements from Start along Axis.
type Slice struct {
	X                 Expr
	Axis, Start, Size int
}

// Affine is (x*Mul or x/Div) + Add, each step rounded to float32. A zero Mul
// and Div mean no factor; at most one of them is set.
type Affine struct {
	X             Expr
	Mul, Div, Add float32
}

// Fill is a tensor of one value.
type Fill struct {
	Shape tensor.Shape
	Value float32
}

func (*Source) isExpr()    {}
func (*Merge) isExpr()     {}
func (*Rearrange) isExpr() {}
func (*Concat) isExpr()    {}
func (*Slice) isExpr()     {}
func (*Affine) isExpr()    {}
func (*Fill) isExpr()      {}

// Sources calls visit for every source node of x, bases before terms.
func Sources(x Expr, visit func(*Source)) {
	switch x := x.(type) {
	case *Source:
		visit(x)
	case *Merge:
		visit(x.Base)
		for _, t := range x.Terms {
			visit(t.A)
			visit(t.B)
		}
	case *Rearrange:
		Sources(x.X, visit)
	case *Concat:
		for _, y := range x.Xs {
			Sources(y, visit)
		}
	case *Slice:
		Sources(x.X, visit)
	case *Affine:
		Sources(x.X, visit)
	}
}

// Merges reports whether x holds a merge with at least one term.
func Merges(x Expr) bool {
	switch x := x.(type) {
	case *Merge:
		return len(x.Terms) > 0
	case *Rearrange:
		return Merges(x.X)
	case *Concat:
		for _, y := range x.Xs {
			if Merges(y) {
				return true
			}
		}
	case *Slice:
		return Merges(x.X)
	case *Affine:
		return Merges(x.X)
	}
	return false
}
