package plan

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/loraconv/loraconv/core/tensor"
)

// MaxEncoded is the largest encoding that Decode accepts, in bytes.
const MaxEncoded = 60 << 20

// Decode reads the canonical encoding. Anything that Encode would not have
// written byte for byte is refused, so duplicate keys, unknown fields, other
// orders and trailing data cannot pass.
func Decode(b []byte) (*Plan, error) {
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("plan of %d bytes, at most %d are read", len(b), MaxEncoded)
	}
	if len(b) == 0 || b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("plan does not end with a line break")
	}
	p := &Plan{}
	for n, rest := 1, b; len(rest) > 0; n++ {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		if err := p.decodeLine(n, line); err != nil {
			return nil, fmt.Errorf("plan line %d: %w", n, err)
		}
	}
	again, err := Encode(p)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("plan is not in canonical form, first at byte %d", firstDifference(again, b))
	}
	return p, nil
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

type lineJSON struct {
	Plan    *int     `json:"plan"`
	Sources []string `json:"sources"`
	Output  Output   `json:"output"`

	Fact  *string `json:"fact"`
	Value string  `json:"value"`
	From  string  `json:"from"`

	Drop     *dropJSON `json:"drop"`
	File     *File     `json:"file"`
	Document *Document `json:"document"`

	Delta *string `json:"delta"`
	Bases []Base  `json:"bases"`

	Tensor *string      `json:"tensor"`
	DType  tensor.DType `json:"dtype"`
	Shape  tensor.Shape `json:"shape"`
	Rule   string       `json:"rule"`
	Expr   *exprJSON    `json:"expr"`
}

type dropJSON struct {
	Drop
	Index [][2]int `json:"index"`
	Part  *[3]int  `json:"part"`
}

type exprJSON struct {
	Op string `json:"op"`

	From  string   `json:"from"`
	Name  string   `json:"name"`
	Index [][2]int `json:"index"`

	Base  *exprJSON  `json:"base"`
	Terms []termJSON `json:"terms"`

	X       *exprJSON      `json:"x"`
	Xs      []exprJSON     `json:"xs"`
	Pattern string         `json:"pattern"`
	Sizes   map[string]int `json:"sizes"`
	Axis    int            `json:"axis"`
	Start   int            `json:"start"`
	Size    int            `json:"size"`
	Mul     float32        `json:"mul"`
	Div     float32        `json:"div"`
	Add     float32        `json:"add"`
	Shape   tensor.Shape   `json:"shape"`
	Value   float32        `json:"value"`
}

type termJSON struct {
	A      *exprJSON `json:"a"`
	B      *exprJSON `json:"b"`
	Einsum string    `json:"einsum"`
	Scale  float32   `json:"scale"`
}

func (p *Plan) decodeLine(n int, line []byte) error {
	var l lineJSON
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	if (n == 1) != (l.Plan != nil) {
		return fmt.Errorf("the first line, and no other, says {\"plan\":%d,…}", Version)
	}
	switch {
	case l.Plan != nil:
		if *l.Plan != Version {
			return fmt.Errorf("plan version %d, this loraconv reads %d", *l.Plan, Version)
		}
		p.Version, p.Sources, p.Output = *l.Plan, l.Sources, l.Output
	case l.Fact != nil:
		p.Facts = append(p.Facts, Fact{Name: *l.Fact, Value: l.Value, From: l.From})
	case l.Drop != nil:
		l.Drop.Drop.Index = indexOf(l.Drop.Index)
		if q := l.Drop.Part; q != nil {
			l.Drop.Drop.Part = &Part{Axis: q[0], Start: q[1], Size: q[2]}
		}
		p.Drops = append(p.Drops, l.Drop.Drop)
	case l.File != nil:
		p.Files = append(p.Files, *l.File)
	case l.Document != nil:
		p.Documents = append(p.Documents, *l.Document)
	case l.Tensor != nil:
		x, err := l.Expr.expr(0)
		if err != nil {
			return err
		}
		p.Tensors = append(p.Tensors, Tensor{Name: *l.Tensor, DType: l.DType, Shape: l.Shape, Rule: l.Rule, Expr: x})
	case l.Delta != nil:
		x, err := l.Expr.expr(0)
		if err != nil {
			return err
		}
		p.Deltas = append(p.Deltas, Delta{Module: *l.Delta, Shape: l.Shape, Bases: l.Bases, Expr: x})
	default:
		return fmt.Errorf("unknown kind of line")
	}
	return nil
}

func indexOf(pairs [][2]int) []At {
	var out []At
	for _, p := range pairs {
		out = append(out, At{Axis: p[0], Pos: p[1]})
	}
	return out
}

func (e *exprJSON) expr(depth int) (Expr, error) {
	if e == nil {
		return nil, fmt.Errorf("an expression is missing")
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("expression is nested deeper than %d", maxDepth)
	}
	switch e.Op {
	case "source":
		return e.source()
	case "merge":
		return e.merge()
	case "rearrange":
		x, err := e.X.expr(depth + 1)
		return &Rearrange{X: x, Pattern: e.Pattern, Sizes: e.Sizes}, err
	case "concat":
		c := &Concat{Axis: e.Axis}
		for i := range e.Xs {
			x, err := e.Xs[i].expr(depth + 1)
			if err != nil {
				return nil, err
			}
			c.Xs = append(c.Xs, x)
		}
		return c, nil
	case "slice":
		x, err := e.X.expr(depth + 1)
		return &Slice{X: x, Axis: e.Axis, Start: e.Start, Size: e.Size}, err
	case "affine":
		x, err := e.X.expr(depth + 1)
		return &Affine{X: x, Mul: e.Mul, Div: e.Div, Add: e.Add}, err
	case "fill":
		return &Fill{Shape: e.Shape, Value: e.Value}, nil
	}
	return nil, fmt.Errorf("unknown operation %q", e.Op)
}

func (e *exprJSON) source() (*Source, error) {
	if e == nil || e.Op != "source" {
		return nil, fmt.Errorf("an operand of a merge must be a source")
	}
	return &Source{From: e.From, Name: e.Name, Index: indexOf(e.Index)}, nil
}

func (e *exprJSON) merge() (Expr, error) {
	base, err := e.Base.source()
	if err != nil {
		return nil, err
	}
	m := &Merge{Base: base}
	for _, t := range e.Terms {
		a, err := t.A.source()
		if err != nil {
			return nil, err
		}
		b, err := t.B.source()
		if err != nil {
			return nil, err
		}
		m.Terms = append(m.Terms, Term{A: a, B: b, Einsum: t.Einsum, Scale: t.Scale})
	}
	return m, nil
}
