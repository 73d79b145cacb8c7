package rule

import "slices"

// Table is what one framework's rules say.
type Table struct {
	// Roots lists prefixes of parameter names, in order of preference; the
	// first that every parameter of a source has is taken off. "a + b" stands
	// for trees side by side that share their paths: a framework may keep each
	// kind of variable in a tree of its own. Every parameter then has one of
	// them, and at least one has the first.
	Roots []string
	// Runtime is the element type in which the target's runtime keeps a tensor
	// whose row says nothing else (the "mixed" layout).
	Runtime  string
	Letters  map[string]string // letter -> what it counts, or definition -> what it is, for people
	Captures []Capture
	Blocks   []Block
	Defines  []Define
	Rows     []Row
	Drops    []Drop
	Refusals []Refusal
}

// Capture is a name in braces that stands for one of several values.
type Capture struct {
	Name string
	// Shared captures only enumerate: letters have the same sizes for all of
	// their values.
	Shared bool
	Values []CaptureValue
}

// CaptureValue is one value of a capture; Fields are further names that hold
// while it does, such as the tower that an expert's weights belong to.
type CaptureValue struct {
	Value  string
	Fields map[string]string
	When   *Expr // nil: always
}

// Block is a part of the tree that stands there several times, such as a
// layer: {name} in a row's source stands for each of its instances.
//
//	block "layer" {
//	  at "decoder/layers"     { stack = "l" }  # all layers in one array, along an axis of its own
//	  at "decoder/layers_{l}" {}               # each layer under a name of its own
//	}
type Block struct {
	Name string
	// Optional blocks may have no instance.
	Optional bool
	// Own lists letters of which each instance has a size of its own, where the
	// model's layers are not alike: all other letters have one size throughout.
	Own []string
	// Count, if set, is how many instances there must be, every position of a
	// stack counted.
	Count  *Expr
	Places []Place
}

// Place is one form in which a block is stored.
type Place struct {
	Path string // {letter} stands for a number of at least 0 without leading zeros
	// Stack lists the letters whose axes are inserted into every array below
	// Path, next to one another.
	Stack []string
	// Axis is where the first of them is inserted, counted in the array that
	// results; arrays with fewer axes have it last. Nil: the fact
	// "param_scan_axis", or 1.
	Axis *Expr
	// Let defines further letters by formulas over those of Path and Stack,
	// such as l = 6*j + b. Letters stand for positions in them.
	Let  map[string]*Expr
	When *Expr // nil: always
}

// Define names an expression.
type Define struct {
	Name  string
	Value *Expr
}

// Row is one fact: a source pattern, its axes, its LoRA, its target.
type Row struct {
	Name   string
	Source string // "" for a constant, and where there are parts
	Axes   string
	Parts  []Part              // what the target joins, each stored under a name of its own
	Names  map[string][]string // letter in Source or Target -> its names
	// Size says how long an axis is, by letter, where shapes do not tell or must
	// agree. It may use letters that are axes of other rows.
	Size  map[string]*Expr
	Where map[string]string // captures that hold though the source does not name them
	Lora  []Lora            // forms, of which at most one may be present
	// Drop says of segments, by letter, why they go nowhere: padding.
	Drop   map[string]string
	Mul    *Expr
	Div    *Expr
	Add    *Expr
	Fill   *Expr // value of a constant
	To     string
	Target string
	Module string // the target's name as a module path, where it differs
	// Optional rows may find no source. When, if set, says whether the row
	// applies at all.
	Optional bool
	When     *Expr
	Runtime  string // element type in the "mixed" layout, if not the table's
}

// Part is one source of a row that joins several which are not alike: To says,
// as a sum, where the axes of each lie.
type Part struct {
	Source string
	Axes   string
}

// Lora is one form in which a framework stores the adapter of a row.
type Lora struct {
	A, B   string // name patterns; {source} and {parent} refer to the base
	Einsum string
	Scale  *Expr
}

// Drop names source parameters that are not part of the model.
type Drop struct {
	Name   string
	Source string // glob
	Reason string
	When   *Expr
}

// Refusal names parameters that cannot be converted, with the reason.
type Refusal struct {
	Name   string
	Source string // glob
	Reason string
}

// Block returns the block of a name, or nil.
func (t *Table) Block(name string) *Block {
	for i := range t.Blocks {
		if t.Blocks[i].Name == name {
			return &t.Blocks[i]
		}
	}
	return nil
}

// Row returns the row of a name, or nil.
func (t *Table) Row(name string) *Row {
	for i := range t.Rows {
		if t.Rows[i].Name == name {
			return &t.Rows[i]
		}
	}
	return nil
}

// HasValue reports whether a capture is declared, with a value.
func (t *Table) HasValue(capture, value string) bool {
	for _, c := range t.Captures {
		if c.Name == capture {
			return slices.ContainsFunc(c.Values, func(v CaptureValue) bool { return v.Value == value })
		}
	}
	return false
}

// Merge returns a table with the rows of other added to those of t; a row
// whose name exists replaces it in its place.
func (t *Table) Merge(other *Table) *Table {
	out := *t
	out.Rows = append([]Row{}, t.Rows...)
	for _, r := range other.Rows {
		if have := out.Row(r.Name); have != nil {
			*have = r
		} else {
			out.Rows = append(out.Rows, r)
		}
	}
	return &out
}
