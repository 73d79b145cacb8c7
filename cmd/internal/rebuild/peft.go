package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"sort"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// config is what PEFT's LoraConfig says of scales.
type config struct {
	Rank    int                `json:"r"`
	Alpha   float64            `json:"lora_alpha"`
	RSLoRA  bool               `json:"use_rslora"`
	DoRA    bool               `json:"use_dora"`
	Ranks   map[string]int     `json:"rank_pattern"`
	Alphas  map[string]float64 `json:"alpha_pattern"`
	Reverse bool               `json:"fan_in_fan_out"`
}

func parseConfig(b []byte) (*config, error) {
	c := &config{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("adapter_config.json: %w", err)
	}
	if c.DoRA || c.Reverse {
		return nil, fmt.Errorf("adapter_config.json: use_dora and fan_in_fan_out are not multiplied out")
	}
	return c, nil
}

// pattern is PEFT's get_pattern_key: the first key, as a regular expression,
// that matches the whole name or its end after a dot.
func pattern[V any](patterns map[string]V, module string, other V) (V, error) {
	keys := make([]string, 0, len(patterns))
	for k := range patterns {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	found := 0
	out := other
	for _, k := range keys {
		re, err := regexp.Compile(`^(?:.*\.)?(?:` + k + `)$`)
		if err != nil {
			return other, err
		}
		if re.MatchString(module) {
			out = patterns[k]
			found++
		}
	}
	if found > 1 {
		return other, fmt.Errorf("%d keys of a pattern match %q, and which of them wins depends on their order", found, module)
	}
	return out, nil
}

// product is one module of an adapter: scale * B A.
type product struct {
	a, b         []float64 // [in, rank], [out, rank]
	rank         int
	scale        float64
	slack, floor float64 // what rounding explains: a part of the size, and a least
}

// written reads a module's factors. fault says why they are none.
func (c *config) written(ctx context.Context, r store.Reader, d *plan.Delta) (p *product, fault string, err error) {
	m := r.Manifest()
	ta, tb := m.Lookup(prefix+d.Module+suffixA), m.Lookup(prefix+d.Module+suffixB)
	if ta == nil || tb == nil {
		return nil, fmt.Sprintf("module %q: a factor is not in the written file", d.Module), nil
	}
	rank, err := pattern(c.Ranks, d.Module, c.Rank)
	if err != nil {
		return nil, "", err
	}
	alpha, err := pattern(c.Alphas, d.Module, c.Alpha)
	if err != nil {
		return nil, "", err
	}
	if len(d.Shape) != 2 || !ta.Shape.Equal(tensor.Shape{rank, d.Shape[1]}) || !tb.Shape.Equal(tensor.Shape{d.Shape[0], rank}) {
		return nil, fmt.Sprintf("module %q: A is %v and B is %v, wanted rank %d and the weight's shape %v", d.Module, ta.Shape, tb.Shape, rank, d.Shape), nil
	}
	a, err := floats(ctx, r, ta.Name)
	if err != nil {
		return nil, "", err
	}
	p = &product{rank: rank, scale: alpha / float64(rank)}
	if c.RSLoRA {
		p.scale = alpha / math.Sqrt(float64(rank))
	}
	if p.b, err = floats(ctx, r, tb.Name); err != nil {
		return nil, "", err
	}
	p.a = make([]float64, len(a))
	for k := range rank {
		for i := range d.Shape[1] {
			p.a[i*rank+k] = a[k*d.Shape[1]+i]
		}
	}
	p.slack, p.floor = slack(ta.DType, tb.DType, p)
	return p, "", nil
}

// slack is how far rounding may take a product: each factor is rounded to
// float32 at most three times and once to its type, which is a part of its
// size; below the normal numbers of float16 it is a fixed amount.
func slack(a, b tensor.DType, p *product) (part, least float64) {
	for _, d := range []tensor.DType{a, b} {
		unit := math.Ldexp(1, -24)
		switch d {
		case tensor.BFloat16:
			unit = math.Ldexp(1, -8)
		case tensor.Float16:
			unit = math.Ldexp(1, -11)
			most := 0.0
			for _, x := range p.a {
				most = math.Max(most, math.Abs(x))
			}
			for _, x := range p.b {
				most = math.Max(most, math.Abs(x))
			}
			least += math.Abs(p.scale) * float64(p.rank) * most * math.Ldexp(1, -24)
		}
		part += unit + 3*math.Ldexp(1, -24)
	}
	return part, least
}

// at is one element, and the sum of the sizes of its summands.
func (p *product) at(o, i int) (sum, size float64) {
	b, a := p.b[o*p.rank:][:p.rank], p.a[i*p.rank:][:p.rank]
	for k, x := range b {
		v := x * a[k]
		sum += v
		size += math.Abs(v)
	}
	return p.scale * sum, math.Abs(p.scale) * size
}
