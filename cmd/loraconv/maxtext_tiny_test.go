package main

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// A model of three layers in Llama's form: width 6, 2 heads and 1 kv head of 4,
// mlp 5, vocabulary 8, rank 2, alpha 6. All values are small whole numbers, so
// that every result is exact in float32 and what is expected can be computed
// beside the checkpoint, from the definitions.
const (
	tinyLayers, tinyWidth, tinyHeads, tinyDim, tinyMLP, tinyVocab = 3, 6, 2, 4, 5, 8
	tinyRank, tinyAlpha                                           = 2, 6
)

// grid is an array of whole numbers.
type grid struct {
	shape []int
	data  []float64
}

func (g grid) at(index ...int) float64 {
	flat := 0
	for i, n := range g.shape {
		flat = flat*n + index[i]
	}
	return g.data[flat]
}

// numbers fills an array by its name.
func numbers(name string, shape ...int) grid {
	g := grid{shape, make([]float64, tensor.Shape(shape).Elements())}
	for i := range g.data {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s %d", name, i)
		g.data[i] = float64(h.Sum32()%9) - 4
	}
	return g
}

// tinyBase are the parameters of the model: of each layer, and of the rest.
func tinyBase() (rest map[string]grid, layers []map[string]grid) {
	rest = map[string]grid{
		"token_embedder/embedding":    numbers("embedding", tinyVocab, tinyWidth),
		"decoder/decoder_norm/scale":  numbers("norm", tinyWidth),
		"decoder/logits_dense/kernel": numbers("head", tinyWidth, tinyVocab),
	}
	for l := range tinyLayers {
		of := map[string]grid{}
		for leaf, shape := range map[string][]int{
			"self_attention/query/kernel": {tinyWidth, tinyHeads, tinyDim}, "self_attention/key/kernel": {tinyWidth, 1, tinyDim},
			"self_attention/value/kernel": {tinyWidth, 1, tinyDim}, "self_attention/out/kernel": {tinyHeads, tinyDim, tinyWidth},
			"mlp/wi_0/kernel": {tinyWidth, tinyMLP}, "mlp/wi_1/kernel": {tinyWidth, tinyMLP}, "mlp/wo/kernel": {tinyMLP, tinyWidth},
			"pre_self_attention_layer_norm/scale": {tinyWidth}, "post_self_attention_layer_norm/scale": {tinyWidth},
		} {
			of[leaf] = numbers(fmt.Sprint(leaf, l), shape...)
		}
		layers = append(layers, of)
	}
	return rest, layers
}

// tinyLora are the factors of each layer, flat over heads as MaxText's are: A
// [in, rank], B [rank, out]. older gives them as JetStream wrote them, with
// heads apart.
func tinyLora(older, trained bool) []map[string]grid {
	return tinyFactors("", func(string, int) int { return tinyRank }, older, trained)
}

// tinyFactors are the factors of the run called seed.
func tinyFactors(seed string, rank func(module string, layer int) int, older, trained bool) (layers []map[string]grid) {
	for l := range tinyLayers {
		of := map[string]grid{}
		for module, io := range map[string][2][]int{
			"self_attention/query": {{tinyWidth}, {tinyHeads, tinyDim}},
			"self_attention/key":   {{tinyWidth}, {1, tinyDim}},
			"self_attention/out":   {{tinyHeads, tinyDim}, {tinyWidth}},
			"mlp/wo":               {{tinyMLP}, {tinyWidth}},
		} {
			in, out := tensor.Shape(io[0]), tensor.Shape(io[1])
			r := rank(module, l)
			a := numbers(fmt.Sprint(seed, module, l, "a"), in.Elements(), r)
			b := numbers(fmt.Sprint(seed, module, l, "b"), r, out.Elements())
			if !trained {
				clear(b.data)
			}
			nameA, nameB := module+"/kernel_lora_a", module+"/kernel_lora_b"
			if older {
				nameA, nameB = module+"/lora_a.kernel", module+"/lora_b.kernel"
				a.shape = append(append([]int{}, in...), r)
				b.shape = append([]int{r}, out...)
			}
			of[nameA], of[nameB] = a, b
		}
		layers = append(layers, of)
	}
	return layers
}

// tinyWanted are the Hugging Face tensors, by the definitions: W + scale * A B,
// the query times the root of the head dim, rotary pairs apart, and [out, in].
func tinyWanted(scale float64) map[string]grid {
	return tinyMerged([][]map[string]grid{tinyLora(false, true)}, []float64{scale * tinyRank})
}

// tinyMerged has the LoRA of several runs, of which each has its alpha, times
// its weight: W + sum of alpha / rank * A B.
func tinyMerged(loras [][]map[string]grid, alphas []float64) map[string]grid {
	rest, layers := tinyBase()
	want := map[string]grid{
		"model.embed_tokens.weight": rest["token_embedder/embedding"], "model.norm.weight": rest["decoder/decoder_norm/scale"],
		"lm_head.weight": tinyLinear(tinyVocab, tinyWidth, func(o, i int) float64 { return rest["decoder/logits_dense/kernel"].at(i, o) }),
	}
	for l, of := range layers {
		delta := func(module string, i, o int) (sum float64) {
			for k, lora := range loras {
				a, b := lora[l][module+"/kernel_lora_a"], lora[l][module+"/kernel_lora_b"]
				for r := range b.shape[0] {
					sum += alphas[k] / float64(b.shape[0]) * a.at(i, r) * b.at(r, o)
				}
			}
			return sum
		}
		// Row t*half + k of a head is its element 2k + t.
		rotary := func(o int) (head, dim int) { return o / tinyDim, 2*(o%tinyDim%2) + o%tinyDim/2 }
		name := func(s string) string { return fmt.Sprintf("model.layers.%d.%s.weight", l, s) }
		want[name("input_layernorm")] = of["pre_self_attention_layer_norm/scale"]
		want[name("post_attention_layernorm")] = of["post_self_attention_layer_norm/scale"]
		want[name("self_attn.q_proj")] = tinyLinear(tinyHeads*tinyDim, tinyWidth, func(o, i int) float64 {
			n, d := rotary(o)
			return 2 * (of["self_attention/query/kernel"].at(i, n, d) + delta("self_attention/query", i, n*tinyDim+d))
		})
		want[name("self_attn.k_proj")] = tinyLinear(tinyDim, tinyWidth, func(o, i int) float64 {
			n, d := rotary(o)
			return of["self_attention/key/kernel"].at(i, n, d) + delta("self_attention/key", i, d)
		})
		want[name("self_attn.v_proj")] = tinyLinear(tinyDim, tinyWidth, func(o, i int) float64 { return of["self_attention/value/kernel"].at(i, 0, o) })
		want[name("self_attn.o_proj")] = tinyLinear(tinyWidth, tinyHeads*tinyDim, func(o, i int) float64 {
			return of["self_attention/out/kernel"].at(i/tinyDim, i%tinyDim, o) + delta("self_attention/out", i, o)
		})
		want[name("mlp.gate_proj")] = tinyLinear(tinyMLP, tinyWidth, func(o, i int) float64 { return of["mlp/wi_0/kernel"].at(i, o) })
		want[name("mlp.up_proj")] = tinyLinear(tinyMLP, tinyWidth, func(o, i int) float64 { return of["mlp/wi_1/kernel"].at(i, o) })
		want[name("mlp.down_proj")] = tinyLinear(tinyWidth, tinyMLP, func(o, i int) float64 { return of["mlp/wo/kernel"].at(i, o) + delta("mlp/wo", i, o) })
	}
	return want
}

func tinyLinear(out, in int, f func(o, i int) float64) grid {
	g := grid{shape: []int{out, in}}
	for o := range out {
		for i := range in {
			g.data = append(g.data, f(o, i))
		}
	}
	return g
}

// tinyLayout is how a checkpoint keeps a tree.
type tinyLayout struct {
	item    string // of the step
	root    string // before every parameter
	value   bool   // leaves end in "value"
	layers  string // "axis 0", "axis 1", "apart" or "list"
	beside  bool   // an optimizer, generators of random numbers and a step are there too
	custom  string // the step's custom metadata
	own     string // the item's, "" where it has no such file
	oldForm bool
}

// write saves parameters as step 7 of a run.
func (y tinyLayout) write(t *testing.T, run string, rest map[string]grid, layers []map[string]grid) {
	t.Helper()
	var params []orbaxtest.Param
	save := func(name string, g grid) {
		if y.value {
			name += "/value"
		}
		params = append(params, tinyParam(y.root+name, g))
	}
	for _, name := range sortedNames(rest) {
		save(name, rest[name])
	}
	for _, leaf := range sortedNames(layers[0]) {
		switch y.layers {
		case "axis 0", "axis 1":
			axis := int(y.layers[5] - '0')
			save("decoder/layers/"+leaf, stackGrids(layers, leaf, axis))
		case "apart", "list":
			between := map[string]string{"apart": "_", "list": "/"}[y.layers]
			for l := range layers {
				save(fmt.Sprintf("decoder/layers%s%d/%s", between, l, leaf), layers[l][leaf])
			}
		}
	}
	if y.beside { // whoever reads this finds values that are not finite
		nan := grid{[]int{2}, []float64{math.NaN(), math.NaN()}}
		if y.value {
			save("decoder/dropout/rngs/params/key", nan)
		} else {
			params = append(params, tinyParam("opt_state/1/0/mu/params/decoder/decoder_norm/scale", nan), tinyParam("nnx_aux/model/decoder/rngs/params/key", nan), tinyParam("step", grid{[]int{}, []float64{7}}))
		}
	}
	step := filepath.Join(run, "7")
	o := orbaxtest.Options{}
	if y.own != "" {
		o.StepMetadata = orbaxtest.StepMetadata(nil, []byte(y.own))
	}
	if err := orbaxtest.Write(filepath.Join(step, y.item), params, o); err != nil {
		t.Fatal(err)
	}
	custom := y.custom
	if custom == "" {
		custom = "{}"
	}
	if err := os.WriteFile(filepath.Join(step, "_CHECKPOINT_METADATA"), orbaxtest.StepMetadata([]string{y.item}, []byte(custom)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func tinyParam(name string, g grid) orbaxtest.Param {
	var b []byte
	for _, v := range g.data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return orbaxtest.Param{Path: strings.Split(name, "/"), DType: tensor.Float32, Shape: g.shape, Data: orbaxtest.FromBytes(b, tensor.Float32, g.shape)}
}

// stackGrids stacks a leaf of all layers; an axis beyond the last is the last.
func stackGrids(layers []map[string]grid, leaf string, axis int) grid {
	first := layers[0][leaf]
	axis = min(axis, len(first.shape))
	out := grid{shape: append(append(append([]int{}, first.shape[:axis]...), len(layers)), first.shape[axis:]...)}
	inner := tensor.Shape(first.shape[axis:]).Elements()
	for o := range len(first.data) / inner {
		for l := range layers {
			out.data = append(out.data, layers[l][leaf].data[o*inner:(o+1)*inner]...)
		}
	}
	return out
}

// compareGrids compares a file of tensors with what is expected, bit by bit.
func compareGrids(t *testing.T, file string, want map[string]grid) {
	t.Helper()
	got := readOracle(t, file)
	if len(got) != len(want) {
		t.Errorf("%d tensors, wanted %d", len(got), len(want))
	}
	for name, w := range want {
		g := got[name]
		if fmt.Sprint(g.Shape) != fmt.Sprint(w.shape) || g.DType != "F32" {
			t.Errorf("%s: %s %v, wanted F32 %v", name, g.DType, g.Shape, w.shape)
			continue
		}
		for i, v := range g.float32s() {
			if float64(v) != w.data[i] {
				t.Errorf("%s: element %d is %v, wanted %v", name, i, v, w.data[i])
				break
			}
		}
	}
}
