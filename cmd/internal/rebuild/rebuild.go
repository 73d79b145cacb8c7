// Package rebuild proves a written adapter: it reads the factors and the config
// back, multiplies them out as PEFT does, and compares every element with what
// merging would add to the base's weights, worked out in float64 from the
// sources by the plan's deltas.
//
// It shares no arithmetic with the engine: no tile, no kernel. It takes time
// in proportion to the elements of the base's weights, and room for the
// largest source parameter in float64, which is not counted in the memory that
// a conversion is given.
package rebuild

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// Options bounds the comparison. With neither bound, a product may be off by
// what rounding each factor a few times to its element type explains.
type Options struct{ MaxAbs, RTol *float64 }

// Report says what was compared.
type Report struct {
	Modules  int
	Elements int64
	Worst    float64 // largest |difference|
	Faults   []string
}

// names of a module's factors in the adapter's file.
const prefix, suffixA, suffixB = "base_model.model.", ".lora_A.weight", ".lora_B.weight"

// Compare multiplies out every module of the adapter and compares it with its
// delta. Modules that only one side has are faults.
func Compare(ctx context.Context, p *plan.Plan, m plan.Manifests, sources map[string]store.Reader, adapter store.Reader, config []byte, o Options) (*Report, error) {
	c, err := parseConfig(config)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	factors := &reader{ctx: ctx, sources: sources, have: map[string][]float64{}}
	seen := map[string]bool{}
	for i := range p.Deltas {
		d := &p.Deltas[i]
		seen[d.Module] = true
		w, fault, err := c.written(ctx, adapter, d)
		if err != nil {
			return nil, err
		}
		if fault == "" {
			fault, err = r.module(d, m, factors, w, o)
		}
		if err != nil {
			return nil, fmt.Errorf("module %q: %w", d.Module, err)
		}
		if fault != "" {
			r.Faults = append(r.Faults, fault)
		}
		r.Modules++
	}
	for _, t := range adapter.Manifest().Tensors {
		name, ok := strings.CutSuffix(strings.TrimPrefix(t.Name, prefix), suffixA)
		if ok && !seen[name] {
			r.Faults = append(r.Faults, fmt.Sprintf("module %q: the plan has nothing to compare it with", name))
		}
	}
	sort.Strings(r.Faults)
	return r, nil
}

// module compares one module, element by element.
func (r *Report) module(d *plan.Delta, m plan.Manifests, f *reader, w *product, o Options) (string, error) {
	aug := d.Manifests(m)
	pieces, err := plan.Lower(d.Expr, aug)
	if err != nil {
		return "", err
	}
	in := d.Shape[1]
	far, first, worst := 0, "", 0.0
	for i := range pieces {
		e, err := newElements(&pieces[i], aug, f)
		if err != nil {
			return "", err
		}
		err = e.each(f.ctx, func(dst int, want, size float64) {
			got, gotSize := w.at(dst/in, dst%in)
			diff := math.Abs(got - want)
			limit := w.slack*(size+gotSize) + w.floor
			if o.MaxAbs != nil || o.RTol != nil {
				limit = value(o.MaxAbs) + value(o.RTol)*math.Abs(want)
			}
			worst = math.Max(worst, diff)
			if !(diff <= limit) {
				if far == 0 {
					first = fmt.Sprintf("[%d, %d] is %.9g, the sources give %.9g (allowed: %.3g)", dst/in, dst%in, got, want, limit)
				}
				far++
			}
		})
		if err != nil {
			return "", err
		}
	}
	n := int64(d.Shape[0]) * int64(in)
	r.Elements += n
	r.Worst = math.Max(r.Worst, worst)
	if far > 0 {
		return fmt.Sprintf("module %q: %d of %d elements of B A alpha/rank are wrong, the first %s", d.Module, far, n, first), nil
	}
	return "", nil
}

func value(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// reader reads whole parameters as float64, and keeps some.
type reader struct {
	ctx     context.Context
	sources map[string]store.Reader
	have    map[string][]float64
	held    int
}

// maxHeld is how many elements are kept beside those of the parameter that was
// read last.
const maxHeld = 4 << 20

func (r *reader) get(from, name string) ([]float64, error) {
	key := from + "\x00" + name
	if v, ok := r.have[key]; ok {
		return v, nil
	}
	src := r.sources[from]
	if src == nil {
		return nil, fmt.Errorf("no source is named %q", from)
	}
	v, err := floats(r.ctx, src, name)
	if err != nil {
		return nil, err
	}
	if r.held += len(v); r.held > maxHeld {
		r.have, r.held = map[string][]float64{}, len(v)
	}
	r.have[key] = v
	return v, nil
}

// floats reads a parameter of floats.
func floats(ctx context.Context, r store.Reader, name string) ([]float64, error) {
	t := r.Manifest().Lookup(name)
	if t == nil {
		return nil, fmt.Errorf("parameter %q: %w", name, store.ErrNotFound)
	}
	s, err := store.Flat(ctx, r, name)
	if err != nil {
		return nil, err
	}
	out := make([]float64, t.Shape.Elements())
	const block = 4096
	raw, wide := make([]byte, block*t.DType.Size()), make([]byte, 8*block)
	for at := 0; at < len(out) && err == nil; {
		n := min(block, len(out)-at)
		if _, err = io.ReadFull(s, raw[:n*t.DType.Size()]); err == nil {
			err = tensor.Convert(wide[:8*n], tensor.Float64, raw[:n*t.DType.Size()], t.DType)
		}
		for i := range n {
			out[at+i] = math.Float64frombits(binary.LittleEndian.Uint64(wide[8*i:]))
		}
		at += n
	}
	if err == nil {
		if _, err = s.Read(raw[:1]); err == io.EOF {
			err = nil
		}
	}
	return out, errors.Join(err, s.Close())
}
