package gen

import (
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Stack are the sizes of a decoder of MaxText's (layers/llama2.py) whose layers
// are scanned: one array holds all of them, on axis 1.
type Stack struct {
	Layers, Width, MLP      int
	Heads, KVHeads, HeadDim int
	Vocabulary              int
	Rank                    int   // of the adapters on all seven projections
	ChunkBytes              int64 // see Sizes
}

// Llama is four layers of Llama 3.1 8B, with an eighth of its vocabulary: 2 GB
// of bfloat16.
var Llama = Stack{
	Layers: 4, Width: 4096, MLP: 14336, Heads: 32, KVHeads: 8, HeadDim: 128,
	Vocabulary: 16032, Rank: 16, ChunkBytes: 2 << 30,
}

// SmallLlama has the same leaves, and as many chunks of each.
var SmallLlama = Stack{
	Layers: 4, Width: 64, MLP: 224, Heads: 4, KVHeads: 2, HeadDim: 16,
	Vocabulary: 250, Rank: 4, ChunkBytes: 2 << 30,
}

// Leaves lists the parameters, adapters beside their bases, as Qwix makes them:
// the axes of a kernel that are contracted are one in a, the others one in b.
// All are of type d, MaxText's weight_dtype.
func (z Stack) Leaves(d tensor.DType) []Leaf {
	var out []Leaf
	add := func(name string, shape ...int) { out = append(out, Leaf{name, d, shape}) }
	l, e, r := z.Layers, z.Width, z.Rank
	// projection adds a kernel of shape in + out, and its adapter.
	projection := func(name string, in, to []int) {
		flat := func(shape []int) int {
			n := 1
			for _, s := range shape {
				n *= s
			}
			return n
		}
		kernel := slices.Insert(slices.Concat(in, to), 1, l)
		name = "decoder/layers/" + name + "/kernel"
		add(name, kernel...)
		add(name+"_lora_a", flat(in), l, r)
		add(name+"_lora_b", r, l, flat(to))
	}
	projection("self_attention/query", []int{e}, []int{z.Heads, z.HeadDim})
	projection("self_attention/key", []int{e}, []int{z.KVHeads, z.HeadDim})
	projection("self_attention/value", []int{e}, []int{z.KVHeads, z.HeadDim})
	projection("self_attention/out", []int{z.Heads, z.HeadDim}, []int{e})
	projection("mlp/wi_0", []int{e}, []int{z.MLP})
	projection("mlp/wi_1", []int{e}, []int{z.MLP})
	projection("mlp/wo", []int{z.MLP}, []int{e})
	add("decoder/layers/pre_self_attention_layer_norm/scale", e, l)
	add("decoder/layers/post_self_attention_layer_norm/scale", e, l)
	add("decoder/decoder_norm/scale", e)
	add("decoder/logits_dense/kernel", e, z.Vocabulary)
	add("token_embedder/embedding", z.Vocabulary, e)
	slices.SortFunc(out, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return out
}
