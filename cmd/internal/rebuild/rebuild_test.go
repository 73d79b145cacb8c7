package rebuild

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/core/tensor"
)

// array is a tensor to write, in float32, or in bfloat16 where half is set.
type array struct {
	shape  []int
	values []float32
	half   bool
}

// open writes a safetensors file and opens it.
func open(t *testing.T, arrays map[string]array) store.Reader {
	t.Helper()
	header, data := map[string]any{}, []byte{}
	for _, half := range []bool{false, true} { // larger elements first
		for name, a := range arrays {
			if a.half != half {
				continue
			}
			start, dtype := len(data), "F32"
			for _, v := range a.values {
				if half {
					dtype = "BF16"
					data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(v)>>16))
				} else {
					data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
				}
			}
			header[name] = map[string]any{"dtype": dtype, "shape": a.shape, "data_offsets": []int{start, len(data)}}
		}
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), append(h, data...)...)
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := safetensors.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Tree(d.Describe().Trees[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = d.Close() })
	return r
}

// The source has two layers, and one layer's delta is
//
//	delta[(n h), d] = 4 * 0.5 * sum over r of a[l, d, r] b[r, l, n, h]
//
// of which layer 1 has a = [[1 2] [0 -1] [3 1]], b[0] = [[1 0] [2 1]] and
// b[1] = [[0 1] [1 -3]], so that a b, with rows d and columns (n h), is
//
//	[1 2 4 -5]
//	[0 -1 -1 3]
//	[3 1 7 0]
func TestCompare(t *testing.T) {
	source := open(t, map[string]array{
		"a": {shape: []int{2, 3, 2}, values: []float32{9, 9, 9, 9, 9, 9, 1, 2, 0, -1, 3, 1}},
		"b": {shape: []int{2, 2, 2, 2}, values: []float32{9, 9, 9, 9, 1, 0, 2, 1, 9, 9, 9, 9, 0, 1, 1, -3}},
	})
	at := func(name string, axis int) *plan.Source {
		return &plan.Source{From: "s", Name: name, Index: []plan.At{{Axis: axis, Pos: 1}}}
	}
	expr := &plan.Affine{Mul: 4, X: &plan.Rearrange{Pattern: "d n h -> (n h) d", X: &plan.Merge{
		Base: &plan.Source{Name: "w"}, Terms: []plan.Term{{A: at("a", 0), B: at("b", 1), Einsum: "d r, r n h -> d n h", Scale: 0.5}},
	}}}
	p := &plan.Plan{Deltas: []plan.Delta{{Module: "m.q_proj", Shape: tensor.Shape{4, 3}, Bases: []plan.Base{{Name: "w", Shape: tensor.Shape{3, 2, 2}}}, Expr: expr}}}
	// Any factors with this product will do: here B is 2 * (a b) transposed, and A the identity.
	good := func() map[string]array {
		return map[string]array{
			"base_model.model.m.q_proj.lora_A.weight": {shape: []int{3, 3}, values: []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}},
			"base_model.model.m.q_proj.lora_B.weight": {shape: []int{4, 3}, values: []float32{1, 0, 3, 2, -1, 1, 4, -1, 7, -5, 3, 0}},
		}
	}
	const config = `{"r": 3, "lora_alpha": 6}`
	one := 1.0
	for _, tt := range []struct {
		name, config string
		change       func(map[string]array)
		o            Options
		want         string
	}{
		{"right", config, nil, Options{}, ""},
		{"by pattern", `{"r": 8, "lora_alpha": 1, "rank_pattern": {"q_proj": 3, "k_proj": 5}, "alpha_pattern": {"m.q_proj": 6}}`, nil, Options{}, ""},
		{"by root of rank", `{"r": 3, "lora_alpha": 3.4641016151377544, "use_rslora": true}`, nil, Options{}, ""},
		{"alpha", `{"r": 3, "lora_alpha": 3}`, nil, Options{}, `module "m.q_proj": 10 of 12 elements of B A alpha/rank are wrong, the first [0, 0] is 1, the sources give 2`},
		{"pattern of another", `{"r": 3, "lora_alpha": 6, "alpha_pattern": {"proj": 1}}`, nil, Options{}, ""},
		{"two patterns", `{"r": 3, "lora_alpha": 6, "alpha_pattern": {"q_proj": 6, "m.q_proj": 6}}`, nil, Options{}, "error: 2 keys of a pattern match"},
		{"rank", `{"r": 4, "lora_alpha": 8}`, nil, Options{}, `module "m.q_proj": A is [3, 3] and B is [4, 3], wanted rank 4 and the weight's shape [4, 3]`},
		{"dora", `{"r": 3, "lora_alpha": 6, "use_dora": true}`, nil, Options{}, "error: adapter_config.json: use_dora"},
		{"an element", config, func(m map[string]array) { m["base_model.model.m.q_proj.lora_B.weight"].values[11] = 0.001 }, Options{}, `1 of 12 elements of B A alpha/rank are wrong, the first [3, 2] is 0.00200000009, the sources give 0`},
		{"an element within", config, func(m map[string]array) { m["base_model.model.m.q_proj.lora_B.weight"].values[11] = 0.001 }, Options{MaxAbs: &one}, ""},
		{"a large element within", config, func(m map[string]array) { m["base_model.model.m.q_proj.lora_B.weight"].values[8] = 12 }, Options{RTol: &one}, ""},
		{"transposed", config, func(m map[string]array) {
			m["base_model.model.m.q_proj.lora_B.weight"].values[1] = 4
			m["base_model.model.m.q_proj.lora_B.weight"].values[6] = 0
		}, Options{}, `2 of 12 elements`},
		{"in bfloat16", config, func(m map[string]array) {
			a := m["base_model.model.m.q_proj.lora_A.weight"]
			a.values[0], a.half = 1.0078125, true // one step beside 1, as much as rounding explains
			m["base_model.model.m.q_proj.lora_A.weight"] = a
		}, Options{}, ""},
		{"too far for bfloat16", config, func(m map[string]array) {
			a := m["base_model.model.m.q_proj.lora_A.weight"]
			a.values[0], a.half = 1.03125, true
			m["base_model.model.m.q_proj.lora_A.weight"] = a
		}, Options{}, `4 of 12 elements`},
		{"a factor is not there", config, func(m map[string]array) { delete(m, "base_model.model.m.q_proj.lora_A.weight") }, Options{}, `a factor is not in the written file`},
		{"a module too many", config, func(m map[string]array) {
			m["base_model.model.m.k_proj.lora_A.weight"] = array{shape: []int{1}, values: []float32{1}}
		}, Options{}, `module "m.k_proj": the plan has nothing to compare it with`},
	} {
		for _, held := range []int{maxHeld, 0} { // whole parameters, and one layer of each
			most := maxHeld
			maxHeld = held
			t.Run(fmt.Sprint(tt.name, held), func(t *testing.T) {
				arrays := good()
				if tt.change != nil {
					tt.change(arrays)
				}
				m := plan.Manifests{"s": source.Manifest()}
				rep, err := Compare(context.Background(), p, m, map[string]store.Reader{"s": source}, open(t, arrays), []byte(tt.config), tt.o)
				got := ""
				if err != nil {
					got = "error: " + err.Error()
				} else {
					got = strings.Join(rep.Faults, "\n")
					if rep.Modules != 1 || got == "" && rep.Elements != 12 {
						t.Errorf("%d modules, %d elements", rep.Modules, rep.Elements)
					}
				}
				if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
					t.Errorf("got %s\nwant %s", got, tt.want)
				}
			})
			maxHeld = most
		}
	}
}

// Of a stack of layers that is larger than what may be held, one layer is held:
// its elements alone, whichever axes are fixed.
func TestOneLayerIsHeld(t *testing.T) {
	most := maxHeld
	maxHeld = 8
	t.Cleanup(func() { maxHeld = most })
	values := make([]float32, 2*3*4)
	for i := range values {
		values[i] = float32(i)
	}
	source := open(t, map[string]array{"a": {shape: []int{2, 3, 4}, values: values}})
	for _, tt := range []struct {
		index []plan.At
		want  []float64
	}{
		{[]plan.At{{Axis: 0, Pos: 1}}, []float64{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
		{[]plan.At{{Axis: 1, Pos: 2}}, []float64{8, 9, 10, 11, 20, 21, 22, 23}},
		{[]plan.At{{Axis: 2, Pos: 3}}, []float64{3, 7, 11, 15, 19, 23}},
		{[]plan.At{{Axis: 0, Pos: 1}, {Axis: 2, Pos: 0}}, []float64{12, 16, 20}},
		{[]plan.At{{Axis: 0, Pos: 0}, {Axis: 1, Pos: 1}}, []float64{4, 5, 6, 7}},
	} {
		r := &reader{ctx: context.Background(), sources: map[string]store.Reader{"s": source}, have: map[string][]float64{}}
		got, _, start, err := r.get(&plan.Source{From: "s", Name: "a", Index: tt.index}, tensor.Shape{2, 3, 4})
		if err != nil || start != 0 || !slices.Equal(got, tt.want) || cap(got) != len(tt.want) {
			t.Errorf("%v: %v (room for %d) from %d, %v; wanted %v", tt.index, got, cap(got), start, err, tt.want)
		}
	}
}
