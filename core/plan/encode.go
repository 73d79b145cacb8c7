package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/loraconv/loraconv/core/tensor"
)

// Encode writes the canonical form: JSON lines, fixed key order, no spaces,
// exact numbers, lines sorted by kind and name. It sorts p.
//
//	{"plan":1,"sources":["ft"],"output":{"format":"pytorch","file":"model.safetensors"}}
//	{"fact":"model","value":"pi0","from":"…"}
//	{"drop":{"from":"ft","name":"…","index":[[axis,pos]],"part":[axis,start,size],"reason":"…"}}
//	{"file":{"from":"ft","path":"…","to":"…"}}
//	{"document":{"path":"config.json","content":"…"}}
//	{"tensor":"…","dtype":"float32","shape":[…],"rule":"…","expr":{…}}
//	{"delta":"…","shape":[…],"bases":[{"name":"…","shape":[…]}],"expr":{…}}
func Encode(p *Plan) ([]byte, error) {
	p.Sort()
	w := &writer{}
	w.raw(`{"plan":`).num(int64(p.Version)).raw(`,"sources":`).value(p.Sources).raw(`,"output":`).value(p.Output).raw("}\n")
	for _, f := range p.Facts {
		w.raw(`{"fact":`).value(f.Name).raw(`,"value":`).value(f.Value).raw(`,"from":`).value(f.From).raw("}\n")
	}
	for _, d := range p.Drops {
		w.raw(`{"drop":{"from":`).value(d.From).raw(`,"name":`).value(d.Name)
		w.index(d.Index)
		if q := d.Part; q != nil {
			w.raw(`,"part":[`).num(int64(q.Axis)).raw(",").num(int64(q.Start)).raw(",").num(int64(q.Size)).raw("]")
		}
		w.raw(`,"reason":`).value(d.Reason)
		if d.Rule != "" {
			w.raw(`,"rule":`).value(d.Rule)
		}
		w.raw("}}\n")
	}
	for _, f := range p.Files {
		w.raw(`{"file":`).value(f).raw("}\n")
	}
	for _, d := range p.Documents {
		w.raw(`{"document":`).value(d).raw("}\n")
	}
	for i := range p.Tensors {
		w.tensor(&p.Tensors[i])
	}
	for i := range p.Deltas {
		d := &p.Deltas[i]
		w.raw(`{"delta":`).value(d.Module).raw(`,"shape":`)
		w.shape(d.Shape)
		w.raw(`,"bases":[`)
		for k, b := range d.Bases {
			if k > 0 {
				w.raw(",")
			}
			w.raw(`{"name":`).value(b.Name).raw(`,"shape":`)
			w.shape(b.Shape)
			w.raw("}")
		}
		w.raw(`],"expr":`)
		w.expr(d.Expr, 0)
		w.raw("}\n")
	}
	return w.buf.Bytes(), w.err
}

// Digest returns the SHA-256 of the canonical encoding, in hex.
func Digest(p *Plan) (string, error) {
	b, err := Encode(p)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// writer appends canonical JSON; the first error sticks.
type writer struct {
	buf bytes.Buffer
	err error
}

func (w *writer) raw(s string) *writer { w.buf.WriteString(s); return w }

func (w *writer) num(n int64) *writer { return w.raw(strconv.FormatInt(n, 10)) }

// value writes v as encoding/json does, without escaping <, > and &.
func (w *writer) value(v any) *writer {
	e := json.NewEncoder(&w.buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil && w.err == nil {
		w.err = err
	}
	w.buf.Truncate(w.buf.Len() - 1) // Encode's newline
	return w
}

// float writes the shortest decimal that reads back as the same float32.
func (w *writer) float(f float32) *writer {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		w.fail("number %v has no place in a plan", f)
		return w.raw("0")
	}
	return w.raw(strconv.FormatFloat(float64(f), 'g', -1, 32))
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *writer) index(at []At) {
	if len(at) == 0 {
		return
	}
	w.raw(`,"index":[`)
	for i, a := range at {
		if i > 0 {
			w.raw(",")
		}
		w.raw("[").num(int64(a.Axis)).raw(",").num(int64(a.Pos)).raw("]")
	}
	w.raw("]")
}

func (w *writer) shape(s tensor.Shape) {
	w.raw("[")
	for i, n := range s {
		if i > 0 {
			w.raw(",")
		}
		w.num(int64(n))
	}
	w.raw("]")
}

func (w *writer) tensor(t *Tensor) {
	w.raw(`{"tensor":`).value(t.Name).raw(`,"dtype":`).value(t.DType).raw(`,"shape":`)
	w.shape(t.Shape)
	w.raw(`,"rule":`).value(t.Rule).raw(`,"expr":`)
	w.expr(t.Expr, 0)
	w.raw("}\n")
}

func (w *writer) expr(x Expr, depth int) {
	if depth > maxDepth {
		w.fail("expression is nested deeper than %d", maxDepth)
		return
	}
	switch x := x.(type) {
	case *Source:
		w.raw(`{"op":"source","from":`).value(x.From).raw(`,"name":`).value(x.Name)
		w.index(x.Index)
	case *Merge:
		w.raw(`{"op":"merge","base":`)
		w.expr(x.Base, depth+1)
		w.terms(x.Terms, depth+1)
	case *Rearrange:
		w.raw(`{"op":"rearrange","x":`)
		w.expr(x.X, depth+1)
		w.raw(`,"pattern":`).value(x.Pattern)
		if len(x.Sizes) > 0 {
			w.raw(`,"sizes":`).value(x.Sizes)
		}
	case *Concat:
		w.raw(`{"op":"concat","xs":[`)
		for i, y := range x.Xs {
			if i > 0 {
				w.raw(",")
			}
			w.expr(y, depth+1)
		}
		w.raw(`],"axis":`).num(int64(x.Axis))
	case *Slice:
		w.raw(`{"op":"slice","x":`)
		w.expr(x.X, depth+1)
		w.raw(`,"axis":`).num(int64(x.Axis)).raw(`,"start":`).num(int64(x.Start)).raw(`,"size":`).num(int64(x.Size))
	case *Affine:
		w.raw(`{"op":"affine","x":`)
		w.expr(x.X, depth+1)
		for _, f := range []struct {
			key string
			v   float32
		}{{"mul", x.Mul}, {"div", x.Div}, {"add", x.Add}} {
			if f.v != 0 {
				w.raw(`,"` + f.key + `":`).float(f.v)
			}
		}
	case *Fill:
		w.raw(`{"op":"fill","shape":`)
		w.shape(x.Shape)
		w.raw(`,"value":`).float(x.Value)
	default:
		w.fail("unknown expression %T", x)
		w.raw(`{`)
	}
	w.raw("}")
}

func (w *writer) terms(terms []Term, depth int) {
	w.raw(`,"terms":[`)
	for i, t := range terms {
		if i > 0 {
			w.raw(",")
		}
		w.raw(`{"a":`)
		w.expr(t.A, depth)
		w.raw(`,"b":`)
		w.expr(t.B, depth)
		w.raw(`,"einsum":`).value(t.Einsum).raw(`,"scale":`).float(t.Scale).raw("}")
	}
	w.raw("]")
}
