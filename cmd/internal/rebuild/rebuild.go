// Package rebuild proves a written adapter: it reads the factors and the config
// back, multiplies them out as PEFT does, and compares every element with what
// merging would add to the base's weights, worked out in float64 from the
// sources by the plan's deltas.
//
// It shares no arithmetic with the engine: no tile, no kernel. It takes time
// in proportion to the elements of the base's weights, and room for the factors
// of one module in float64, as they were written and as the sources have them,
// and for maxHeld elements (32 MiB) beside: not for a stack of layers.
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

// reader reads factors as float64, and keeps some.
type reader struct {
	ctx     context.Context
	sources map[string]store.Reader
	have    map[string][]float64
	held    int
}

// maxHeld is how many elements are kept beside those of the factor that was
// read last. A parameter of more than half of that is read anew for each index
// that a factor fixes, such as its layer, and the rest of it is passed over.
var maxHeld = 4 << 20 // tests set it

// get returns the elements of a factor, and their strides by axis. An axis that
// is fixed has none; start is where the factor begins.
func (r *reader) get(s *plan.Source, shape tensor.Shape) (v []float64, strides []int, start int, err error) {
	fixed := positions(s)
	whole := len(fixed) == 0 || shape.Elements() <= maxHeld/2
	key := s.From + "\x00" + s.Name
	layout := shape
	if !whole {
		key += fmt.Sprint(s.Index)
		layout = nil
		for x, n := range shape {
			if _, ok := fixed[x]; ok {
				n = 1
			}
			layout = append(layout, n)
		}
	}
	for x, st := range layout.Strides() {
		switch at, ok := fixed[x]; {
		case !ok:
			strides = append(strides, st)
		case whole:
			start += at * st
		}
	}
	if v, ok := r.have[key]; ok {
		return v, strides, start, nil
	}
	src := r.sources[s.From]
	if src == nil {
		return nil, nil, 0, fmt.Errorf("no source is named %q", s.From)
	}
	if whole {
		fixed = nil
	}
	if v, err = part(r.ctx, src, s.Name, fixed); err != nil {
		return nil, nil, 0, err
	}
	if r.held += len(v); r.held > maxHeld {
		r.have, r.held = map[string][]float64{}, len(v)
	}
	r.have[key] = v
	return v, strides, start, nil
}

// floats reads a parameter of floats.
func floats(ctx context.Context, r store.Reader, name string) ([]float64, error) {
	return part(ctx, r, name, nil)
}

// part reads the elements of a parameter of floats whose fixed axes have the
// given positions, in their order, and holds no others.
func part(ctx context.Context, r store.Reader, name string, fixed map[int]int) ([]float64, error) {
	t := r.Manifest().Lookup(name)
	if t == nil {
		return nil, fmt.Errorf("parameter %q: %w", name, store.ErrNotFound)
	}
	s, err := store.Flat(ctx, r, name)
	if err != nil {
		return nil, err
	}
	strides := t.Shape.Strides()
	kept, run := t.Shape.Elements(), t.Shape.Elements() // elements in a row that are all kept or all not
	for x := range fixed {
		if kept > 0 {
			kept /= t.Shape[x]
		}
		run = min(run, strides[x])
	}
	wanted := func(at int) bool {
		for x, p := range fixed {
			if at/strides[x]%t.Shape[x] != p {
				return false
			}
		}
		return true
	}
	out := make([]float64, 0, kept)
	const block = 4096
	raw, wide := make([]byte, block*t.DType.Size()), make([]byte, 8*block)
	for at, all := 0, t.Shape.Elements(); at < all && err == nil; {
		n := min(block, all-at)
		if _, err = io.ReadFull(s, raw[:n*t.DType.Size()]); err == nil {
			err = tensor.Convert(wide[:8*n], tensor.Float64, raw[:n*t.DType.Size()], t.DType)
		}
		for i := 0; i < n; {
			end := min(n, i+run-(at+i)%run)
			if wanted(at + i) {
				for j := i; j < end; j++ {
					out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(wide[8*j:])))
				}
			}
			i = end
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
