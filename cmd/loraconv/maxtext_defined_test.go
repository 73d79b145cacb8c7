package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

// definedRank is the rank of all LoRA here, and definedScale alpha/rank.
const definedRank, definedScale = 2, 2

// defined is a small model whose every element is a number of its own, with
// LoRA as qwix defines it: a kernel's factors are flat over what it takes in
// and what it puts out; of stacked experts, what both sides of the einsum share
// belongs to the first factor; a norm's second factor is the rank alone. Layers
// are stacked where the base's are.
type defined struct {
	name    string
	table   mappingtest.Table
	args    string // of the source
	base    []orbaxtest.Param
	factors []orbaxtest.Param
	shapes  map[string]tensor.Shape
	offset  map[string]float64
	lora    map[string]bool
}

// loraShapes are the factors of a parameter without its stacks.
func loraShapes(leaf string, shape []int) (a, b []int) {
	product := func(s []int) int {
		n := 1
		for _, x := range s {
			n *= x
		}
		return n
	}
	switch {
	case regexp.MustCompile(`/wi_[01]$`).MatchString(leaf): // experts, in, out
		return []int{shape[1], definedRank}, []int{definedRank, shape[0], shape[2]}
	case strings.HasSuffix(leaf, "/wo"): // experts, in, out
		return []int{shape[0], shape[1], definedRank}, []int{definedRank, shape[2]}
	case strings.HasSuffix(leaf, "/scale"):
		return []int{shape[0], definedRank}, []int{definedRank}
	}
	in := 1
	if strings.HasSuffix(leaf, "/out/kernel") && len(shape) == 3 {
		in = 2
	}
	return []int{product(shape[:in]), definedRank}, []int{definedRank, product(shape[in:])}
}

// factorValue is a small whole number, so that float32 holds every sum exactly,
// and not 0, so that no LoRA is idle.
func factorValue(name string, i int) float64 {
	h := uint32(i) * 2654435761
	for _, c := range name {
		h = h*31 + uint32(c)
	}
	if v := float64(h>>16%10) - 5; v < 0 {
		return v
	}
	return float64(h>>16%10) - 4
}

// stacks are the axes that stand for layers, in the base and in its factors.
func stacks(leaf string) int {
	switch {
	case strings.Contains(leaf, "/local_layers/"):
		return 2
	case regexp.MustCompile(`/(layers|scanned_blocks)/`).MatchString(leaf):
		return 1
	}
	return 0
}

func readDefined(t *testing.T, name string, hasLoRA *regexp.Regexp) *defined {
	t.Helper()
	table, req := mappingtest.ReadSmall(t, "../../plugins/maxtext/testdata/mapping", name)
	d := &defined{name: name, table: table, shapes: map[string]tensor.Shape{}, offset: map[string]float64{}, lora: map[string]bool{}}
	model, _ := req.Sources[0].Args["model"].(string)
	d.args = fmt.Sprintf("  model = %q\n", model)
	next := 0
	for _, x := range req.Sources[0].Manifest.Tensors {
		d.shapes[x.Name], d.offset[x.Name] = x.Shape, float64(next)
		d.base = append(d.base, param(x.Name, x.Shape, func(i int) float64 { return float64(next + i) }))
		next += x.Shape.Elements()
		if !hasLoRA.MatchString(x.Name) || strings.Contains(x.Name, "conv1d") {
			continue
		}
		d.lora[x.Name] = true
		n := stacks(x.Name)
		at := min(1, len(x.Shape)-n)
		own := append(slices.Clone(x.Shape[:at]), x.Shape[at+n:]...)
		a, b := loraShapes(x.Name, own)
		for suffix, s := range map[string][]int{"_lora_a": a, "_lora_b": b} {
			s = append(append(slices.Clone(s[:1]), x.Shape[at:at+n]...), s[1:]...)
			f := x.Name + suffix
			d.shapes[f] = s
			d.factors = append(d.factors, param(f, s, func(i int) float64 { return factorValue(f, i) }))
		}
	}
	if next > 1<<22 {
		t.Fatalf("%d elements: float32 does not hold their numbers and LoRA exactly", next)
	}
	return d
}

func param(name string, shape tensor.Shape, f func(i int) float64) orbaxtest.Param {
	var raw []byte
	for i := range shape.Elements() {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(f(i))))
	}
	return orbaxtest.Param{Path: strings.Split(name, "/"), DType: tensor.Float32, Shape: shape, Data: orbaxtest.FromBytes(raw, tensor.Float32, shape)}
}

// delta is scale * A B of a parameter at fixed positions of its stacks.
func (d *defined) delta(key string, at []plan.At) mappingtest.Array {
	shape := slices.Clone(d.shapes[key])
	for i := len(at) - 1; i >= 0; i-- {
		shape = slices.Delete(shape, at[i].Axis, at[i].Axis+1)
	}
	factor := func(suffix string) mappingtest.Array {
		f := mappingtest.Stored(d.shapes[key+suffix], at, 0)
		for i, flat := range f.V {
			f.V[i] = factorValue(key+suffix, int(flat))
		}
		return f
	}
	out := mappingtest.Array{Shape: shape, V: make([]float64, tensor.Shape(shape).Elements())}
	if !d.lora[key] {
		return out
	}
	a, b := factor("_lora_a"), factor("_lora_b")
	cols := len(b.V) / definedRank
	for i := range out.V {
		row, col := i/cols, i%cols
		switch {
		case regexp.MustCompile(`/wi_[01]$`).MatchString(key): // element x, e, f: A[e, r] B[r, x, f]
			x, e, f := i/(shape[1]*shape[2]), i/shape[2]%shape[1], i%shape[2]
			row, col = e, x*shape[2]+f
		case strings.HasSuffix(key, "/scale"):
			row, col = i, 0
		}
		for r := range definedRank {
			out.V[i] += definedScale * a.V[row*definedRank+r] * b.V[r*cols+col]
		}
	}
	return out
}

// write saves base and LoRA apart, and returns a spec.
func (d *defined) spec(t *testing.T, method, output string) (spec, out string) {
	t.Helper()
	dir := t.TempDir()
	for name, params := range map[string][]orbaxtest.Param{"base": d.base, "lora": d.factors} {
		if err := orbaxtest.Write(filepath.Join(dir, name), params, orbaxtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	template := "none"
	if strings.HasPrefix(d.name, "qwen3.5") {
		template = filepath.Join(dir, "template")
		if err := os.Mkdir(template, 0o755); err != nil {
			t.Fatal(err)
		}
		config := `{"model_type":"qwen3_5_moe","text_config":{"linear_num_key_heads":2,"linear_key_head_dim":3}}`
		if err := os.WriteFile(filepath.Join(template, "config.json"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out = filepath.Join(dir, "out")
	return writeSpec(t, fmt.Sprintf(`source "maxtext" "base" {
  path = %q
%s}
source "maxtext" "ft" {
  path = %q
  lora {
    alpha = %d
  }
}
conversion "model" {
  method   = %q
  source   = source.maxtext.base
  adapters = [source.maxtext.ft]
  output %q {
    path     = %q
    template = %q
  }
}
`, filepath.Join(dir, "base"), d.args, filepath.Join(dir, "lora"), definedRank*definedScale, method, output, out, template)), out
}

// Everything that may have LoRA has it, which no checkpoint of these families
// does, and the merged weights are what upstream's hooks make of base + scale A B.
func TestMaxTextLoRAByDefinition(t *testing.T) {
	all := regexp.MustCompile(`params/decoder/.*(kernel|/wi_[01]|/wo|norm/scale|norm_[12]/scale)$`)
	for _, name := range []string{"gemma3-4b.scan", "gemma4-26b.scan", "gemma4-26b.unscan", "gemma4-e2b.unscan", "qwen3.5-35b-a3b.scan"} {
		t.Run(name, func(t *testing.T) {
			d := readDefined(t, name, all)
			spec, out := d.spec(t, "merge", "huggingface")
			if code, stdout, stderr := loraconv(t, "run", spec); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr[:min(4000, len(stderr))])
			}
			want := d.table.Made(t, name, func(key string, at []plan.At) mappingtest.Array {
				x, delta := mappingtest.Stored(d.shapes[key], at, d.offset[key]), d.delta(key, at)
				for i := range x.V {
					x.V[i] += delta.V[i]
				}
				return x
			})
			got := readOracle(t, filepath.Join(out, "model.safetensors"))
			if len(got) != len(want) {
				t.Errorf("%d tensors, wanted %d", len(got), len(want))
			}
			for n, w := range want {
				g := got[n]
				same := func(a float32, b float64) bool { return a == float32(b) }
				if !slices.Equal(g.Shape, w.Shape) || !slices.EqualFunc(g.float32s(), w.V, same) {
					t.Errorf("%s %v is not the %v that base and LoRA make", n, g.Shape, w.Shape)
				}
			}
		})
	}
}

// What the adapter adds to a module is what the same hooks, which are linear
// there, make of scale A B; and LoRA that PEFT has no form for is refused by
// name.
func TestMaxTextAdapterByDefinition(t *testing.T) {
	dense := regexp.MustCompile(`params/decoder/.*kernel$`)
	for _, name := range []string{"gemma4-26b.unscan", "gemma4-e2b.unscan", "qwen3.5-35b-a3b.scan"} {
		t.Run(name, func(t *testing.T) {
			d := readDefined(t, name, dense)
			spec, out := d.spec(t, "adapter", "peft")
			if code, stdout, stderr := loraconv(t, "run", spec); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr[:min(4000, len(stderr))])
			}
			got := readOracle(t, filepath.Join(out, "adapter_model.safetensors"))
			modules := 0
			for target, w := range d.table.Made(t, name, d.delta) {
				module, ok := strings.CutSuffix(target, ".weight")
				zero := !slices.ContainsFunc(w.V, func(v float64) bool { return v != 0 })
				a, hasA := got["base_model.model."+module+".lora_A.weight"]
				b := got["base_model.model."+module+".lora_B.weight"]
				if !ok || hasA == zero {
					if hasA || !zero && len(w.Shape) == 2 {
						t.Errorf("%s: has LoRA %v, is exported %v", target, !zero, hasA)
					}
					continue
				}
				if !hasA {
					continue
				}
				modules++
				av, bv := a.float32s(), b.float32s()
				r := a.Shape[0]
				for i := range w.V {
					sum := 0.0
					for k := range r {
						sum += float64(bv[i/w.Shape[1]*r+k]) * float64(av[k*w.Shape[1]+i%w.Shape[1]])
					}
					if definedScale*sum != w.V[i] {
						t.Errorf("%s: element %d gets %v, LoRA makes it %v", target, i, definedScale*sum, w.V[i])
						break
					}
				}
			}
			if len(got) != 2*modules || modules < 100 {
				t.Errorf("%d tensors of %d modules", len(got), modules)
			}
		})
	}
	for leaf, says := range map[string]string{`/wi_0$`: "it is no linear module's weight", `/wo$`: "it is no linear module's weight", `layers_0/pre_ffw_norm/scale$`: "matrix"} {
		d := readDefined(t, "gemma4-26b.unscan", regexp.MustCompile(`params/decoder/.*`+leaf))
		spec, _ := d.spec(t, "adapter", "peft")
		if code, _, stderr := loraconv(t, "run", spec); code != 3 || !strings.Contains(stderr, "An adapter cannot express a LoRA") || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d, wanted 3 and %q\n%s", leaf, code, says, stderr[:min(1500, len(stderr))])
		}
	}
}
