package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// The variants that no checkpoint at hand has: fused qkv, several kv heads,
// heads times head dim unlike the width, rslora, LoRA on one expert alone, part
// of the paths with a trailing "value". The trees are synthetic; what they must
// become is computed in float64 from the forward equations of OpenPI's runtime
// (models/lora.py Einsum and FeedForward, applied to unit vectors), not from a
// merge formula.

type variant struct {
	name        string
	n, k, h     int // heads, kv heads, head dim; k == n is stored fused
	width       [2]int
	mlp         [2]int
	model       string
	rank        [2]int // 0: no LoRA on that expert
	alpha       [2]float64
	rslora      bool
	valueOnSome bool
	layers      int
	baseIsBF16  bool
}

var variants = []variant{
	{name: "fused qkv", n: 3, k: 3, h: 4, width: [2]int{10, 6}, mlp: [2]int{7, 5}, model: "pi0", rank: [2]int{2, 3}, alpha: [2]float64{5, 4}, layers: 2},
	{name: "two kv heads", n: 4, k: 2, h: 6, width: [2]int{10, 8}, mlp: [2]int{7, 5}, model: "pi05", rank: [2]int{3, 2}, alpha: [2]float64{3, 7}, layers: 2},
	{name: "rslora", n: 4, k: 1, h: 2, width: [2]int{6, 8}, mlp: [2]int{5, 9}, model: "pi0", rank: [2]int{4, 2}, alpha: [2]float64{6, 3}, rslora: true, layers: 1},
	{name: "language model alone", n: 2, k: 1, h: 4, width: [2]int{8, 6}, mlp: [2]int{5, 4}, model: "pi05", rank: [2]int{3, 0}, alpha: [2]float64{9, 0}, layers: 3, baseIsBF16: true},
	{name: "action expert alone", n: 2, k: 1, h: 4, width: [2]int{8, 6}, mlp: [2]int{5, 4}, model: "pi0", rank: [2]int{0, 2}, alpha: [2]float64{0, 5}, layers: 2},
	{name: "pi0-FAST, some value", n: 4, k: 1, h: 3, width: [2]int{8, 0}, mlp: [2]int{6, 0}, model: "pi0_fast", rank: [2]int{2, 0}, alpha: [2]float64{7, 0}, layers: 2, valueOnSome: true},
}

// synth builds a tree and keeps its values.
type synth struct {
	variant
	rng    *rand.Rand
	values map[string]array
	params []orbaxtest.Param
}

type array struct {
	shape []int
	v     []float64
}

func (a array) at(pos ...int) float64 {
	flat := 0
	for i, p := range pos {
		flat = flat*a.shape[i] + p
	}
	return a.v[flat]
}

func (s *synth) add(name string, bf16 bool, shape ...int) {
	n := tensor.Shape(shape).Elements()
	a := array{shape, make([]float64, n)}
	d, size := tensor.Float32, 4
	if bf16 {
		d, size = tensor.BFloat16, 2
	}
	data := make([]byte, n*size)
	for i := range a.v {
		f := float32(s.rng.NormFloat64())
		if bf16 {
			u := nearestBF16(float64(f))
			binary.LittleEndian.PutUint16(data[2*i:], u)
			a.v[i] = fromBF16(u)
			continue
		}
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(f))
		a.v[i] = float64(f)
	}
	s.values[name] = a
	path := append([]string{"params"}, strings.Split(name, "/")...)
	if s.valueOnSome && len(s.params)%2 == 0 {
		path = append(path, "value")
	}
	s.params = append(s.params, orbaxtest.Param{Path: path, DType: d, Shape: shape, Data: orbaxtest.FromBytes(data, d, shape)})
}

func (s *synth) build() {
	const vd, vf, vn, vl, vocab, actions = 4, 5, 2, 1, 11, 3
	img := "PaliGemma/img/"
	s.add(img+"embedding/kernel", false, 2, 2, 3, vd)
	s.add(img+"embedding/bias", false, vd)
	s.add(img+"pos_embedding", false, 1, 6, vd)
	block := img + "Transformer/encoderblock/"
	for _, ln := range []string{"LayerNorm_0", "LayerNorm_1"} {
		s.add(block+ln+"/scale", false, vl, vd)
		s.add(block+ln+"/bias", false, vl, vd)
	}
	s.add(block+"MlpBlock_0/Dense_0/kernel", false, vl, vd, vf)
	s.add(block+"MlpBlock_0/Dense_0/bias", false, vl, vf)
	s.add(block+"MlpBlock_0/Dense_1/kernel", false, vl, vf, vd)
	s.add(block+"MlpBlock_0/Dense_1/bias", false, vl, vd)
	for _, p := range []string{"query", "key", "value"} {
		s.add(block+"MultiHeadDotProductAttention_0/"+p+"/kernel", false, vl, vd, vn, vd/vn)
		s.add(block+"MultiHeadDotProductAttention_0/"+p+"/bias", false, vl, vn, vd/vn)
	}
	s.add(block+"MultiHeadDotProductAttention_0/out/kernel", false, vl, vn, vd/vn, vd)
	s.add(block+"MultiHeadDotProductAttention_0/out/bias", false, vl, vd)
	s.add(img+"Transformer/encoder_norm/scale", false, vd)
	s.add(img+"Transformer/encoder_norm/bias", false, vd)
	s.add(img+"head/kernel", false, vd, s.width[0])
	s.add(img+"head/bias", false, s.width[0])
	s.add("PaliGemma/llm/embedder/input_embedding", s.baseIsBF16, vocab, s.width[0])
	s.expert(0)
	if s.model == "pi0_fast" {
		return
	}
	s.expert(1)
	d := s.width[1]
	linear := func(name string, in, out int) {
		s.add(name+"/kernel", false, in, out)
		s.add(name+"/bias", false, out)
	}
	linear("action_in_proj", actions, d)
	linear("action_out_proj", d, actions)
	if s.model == "pi05" {
		linear("time_mlp_in", d, d)
		linear("time_mlp_out", d, d)
		return
	}
	linear("state_proj", actions, d)
	linear("action_time_mlp_in", 2*d, d)
	linear("action_time_mlp_out", d, d)
}

func (s *synth) expert(i int) {
	x := []string{"", "_1"}[i]
	l, n, k, h, d, f, r := s.layers, s.n, s.k, s.h, s.width[i], s.mlp[i], s.rank[i]
	at := "PaliGemma/llm/layers/"
	lora := func(a, b string, as, bs []int) {
		if r > 0 {
			s.add(a, false, as...)
			s.add(b, false, bs...)
		}
	}
	if k == n {
		s.add(at+"attn/qkv_einsum"+x+"/w", s.baseIsBF16, l, 3, n, d, h)
		lora(at+"attn/qkv_einsum"+x+"/lora_a", at+"attn/qkv_einsum"+x+"/lora_b", []int{l, 3, n, d, r}, []int{l, 3, n, r, h})
	} else {
		s.add(at+"attn/q_einsum"+x+"/w", s.baseIsBF16, l, n, d, h)
		lora(at+"attn/q_einsum"+x+"/lora_a", at+"attn/q_einsum"+x+"/lora_b", []int{l, n, d, r}, []int{l, n, r, h})
		s.add(at+"attn/kv_einsum"+x+"/w", s.baseIsBF16, l, 2, k, d, h)
		lora(at+"attn/kv_einsum"+x+"/lora_a", at+"attn/kv_einsum"+x+"/lora_b", []int{l, 2, k, d, r}, []int{l, 2, k, r, h})
	}
	s.add(at+"attn/attn_vec_einsum"+x+"/w", s.baseIsBF16, l, n, h, d)
	lora(at+"attn/attn_vec_einsum"+x+"/lora_a", at+"attn/attn_vec_einsum"+x+"/lora_b", []int{l, n, h, r}, []int{l, n, r, d})
	s.add(at+"mlp"+x+"/gating_einsum", s.baseIsBF16, l, 2, d, f)
	lora(at+"mlp"+x+"/gating_einsum_lora_a", at+"mlp"+x+"/gating_einsum_lora_b", []int{l, 2, d, r}, []int{l, 2, r, f})
	s.add(at+"mlp"+x+"/linear", s.baseIsBF16, l, f, d)
	lora(at+"mlp"+x+"/linear_lora_a", at+"mlp"+x+"/linear_lora_b", []int{l, f, r}, []int{l, r, d})
	norm := func(name string, lead ...int) {
		if i == 1 && s.model == "pi05" {
			s.add(name+"/Dense_0/kernel", s.baseIsBF16, append(lead, d, 3*d)...)
			s.add(name+"/Dense_0/bias", s.baseIsBF16, append(lead, 3*d)...)
			return
		}
		s.add(name+"/scale", s.baseIsBF16, append(lead, d)...)
	}
	norm(at+"pre_attention_norm"+x, l)
	norm(at+"pre_ffw_norm"+x, l)
	norm("PaliGemma/llm/final_norm" + x)
}

// scale is scaling_value of models/lora.py for an expert's attention.
func (s *synth) scale(i int) float64 {
	if s.rslora {
		return s.alpha[i] / math.Sqrt(float64(s.rank[i]))
	}
	return s.alpha[i] / float64(s.rank[i])
}

// effective is an output tensor's element as the runtime's linear map has it:
// the response at output o to the unit vector at input i.
type effective func(o, i int) (value, magnitude float64)

// project is Einsum with BTD,NDH->BTNH: base, then x@lora_a per head, then
// lora_b per head. lead fixes the layer and, for kv and qkv, which of them.
func (s *synth) project(module string, expert, h int, lead ...int) effective {
	w, a, b := s.values[module+"/w"], s.values[module+"/lora_a"], s.values[module+"/lora_b"]
	return func(o, d int) (float64, float64) {
		head, pos := o/h, o%h
		v := w.at(append(append([]int{}, lead...), head, d, pos)...)
		sum, mag := 0.0, 0.0
		for r := range s.rank[expert] {
			p := a.at(append(append([]int{}, lead...), head, d, r)...) * b.at(append(append([]int{}, lead...), head, r, pos)...)
			sum, mag = sum+p, mag+math.Abs(p)
		}
		if s.rank[expert] == 0 {
			return v, 0
		}
		c := s.scale(expert)
		return v + c*sum, math.Abs(v) + math.Abs(c)*mag
	}
}

// combine is Einsum with BTNH,NHD->BTD: the first einsum sums over heads and
// head dim, the second sums lora_b over the heads.
func (s *synth) combine(module string, expert, layer int) effective {
	w, a, b := s.values[module+"/w"], s.values[module+"/lora_a"], s.values[module+"/lora_b"]
	return func(d, i int) (float64, float64) {
		head, pos := i/s.h, i%s.h
		v := w.at(layer, head, pos, d)
		if s.rank[expert] == 0 {
			return v, 0
		}
		sum, mag := 0.0, 0.0
		for r := range s.rank[expert] {
			z := a.at(layer, head, pos, r) // x is the unit vector: BTNH,NHL->BTL
			for m := range s.n {           // BTL,NLD->BTD
				p := z * b.at(layer, m, r, d)
				sum, mag = sum+p, mag+math.Abs(p)
			}
		}
		c := s.scale(expert)
		return v + c*sum, math.Abs(v) + math.Abs(c)*mag
	}
}

// dot is FeedForward._dot: x@W + (x@a)@b, without a scale.
func (s *synth) dot(module string, expert int, lead ...int) effective {
	w, a, b := s.values[module], s.values[module+"_lora_a"], s.values[module+"_lora_b"]
	return func(o, i int) (float64, float64) {
		v := w.at(append(append([]int{}, lead...), i, o)...)
		if s.rank[expert] == 0 {
			return v, 0
		}
		sum, mag := 0.0, 0.0
		for r := range s.rank[expert] {
			p := a.at(append(append([]int{}, lead...), i, r)...) * b.at(append(append([]int{}, lead...), r, o)...)
			sum, mag = sum+p, mag+math.Abs(p)
		}
		return v + sum, math.Abs(v) + mag
	}
}

// expected lists every linear layer of both language models.
func (s *synth) expected() map[string]effective {
	out := map[string]effective{}
	at := "PaliGemma/llm/layers/"
	for i, x := range []string{"", "_1"} {
		if i == 1 && s.model == "pi0_fast" {
			break
		}
		tower := []string{"paligemma_with_expert.paligemma.model.language_model", "paligemma_with_expert.gemma_expert.model"}[i]
		for l := range s.layers {
			layer := fmt.Sprintf("%s.layers.%d.", tower, l)
			if s.k == s.n {
				for c, p := range []string{"q", "k", "v"} {
					out[layer+"self_attn."+p+"_proj.weight"] = s.project(at+"attn/qkv_einsum"+x, i, s.h, l, c)
				}
			} else {
				out[layer+"self_attn.q_proj.weight"] = s.project(at+"attn/q_einsum"+x, i, s.h, l)
				out[layer+"self_attn.k_proj.weight"] = s.project(at+"attn/kv_einsum"+x, i, s.h, l, 0)
				out[layer+"self_attn.v_proj.weight"] = s.project(at+"attn/kv_einsum"+x, i, s.h, l, 1)
			}
			out[layer+"self_attn.o_proj.weight"] = s.combine(at+"attn/attn_vec_einsum"+x, i, l)
			out[layer+"mlp.gate_proj.weight"] = s.dot(at+"mlp"+x+"/gating_einsum", i, l, 0)
			out[layer+"mlp.up_proj.weight"] = s.dot(at+"mlp"+x+"/gating_einsum", i, l, 1)
			out[layer+"mlp.down_proj.weight"] = s.dot(at+"mlp"+x+"/linear", i, l)
		}
	}
	return out
}

func (s *synth) spec(source, out string) string {
	lora := ""
	if s.alpha[0] > 0 {
		lora += fmt.Sprintf("    alpha = %v\n", s.alpha[0])
	}
	if s.alpha[1] > 0 {
		lora += fmt.Sprintf("    alpha_pattern = { \"**/attn/*_einsum_1/w\" = %v }\n", s.alpha[1])
	}
	return fmt.Sprintf("source \"openpi\" \"ft\" {\n  path = %q\n  lora {\n%s    rslora = %v\n  }\n}\nconversion \"robot\" {\n  source = source.openpi.ft\n  output \"pytorch\" {\n    path = %q\n  }\n}\n", source, lora, s.rslora, out)
}

func TestRuntimeEquations(t *testing.T) {
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			s := &synth{variant: v, rng: rand.New(rand.NewPCG(uint64(i), 7)), values: map[string]array{}}
			s.build()
			dir := t.TempDir()
			source, out := filepath.Join(dir, "params"), filepath.Join(dir, "out")
			if err := orbaxtest.Write(source, s.params, orbaxtest.Options{}); err != nil {
				t.Fatal(err)
			}
			if code, _, stderr := loraconv(t, "run", writeSpec(t, s.spec(source, out))); code != 0 {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			got := readOracle(t, filepath.Join(out, "model.safetensors"))
			for name, want := range s.expected() {
				g, ok := got[name]
				if !ok {
					t.Errorf("%s is missing", name)
					continue
				}
				checkEffective(t, name, g, want)
			}
		})
	}
}

// checkEffective compares a weight with the runtime's map, within what any
// float32 sum of that many terms may be off.
func checkEffective(t *testing.T, name string, g oracleTensor, want effective) {
	t.Helper()
	f := g.float32s()
	rows, cols := g.Shape[0], g.Shape[1]
	for o := range rows {
		for i := range cols {
			v, mag := want(o, i)
			if d := math.Abs(float64(f[o*cols+i]) - v); d > mag*24*0x1p-24 {
				t.Errorf("%s [%d, %d] is %v, the runtime has %v", name, o, i, f[o*cols+i], v)
				return
			}
		}
	}
}
