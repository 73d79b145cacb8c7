package gen

import (
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Sizes are the numbers that the shapes of a tree are made of.
type Sizes struct {
	Layers, Heads, HeadDim int // of both language towers
	Width, MLP, Rank       int // of PaliGemma's
	ExpertWidth, ExpertMLP int // of the action expert's; 0: there is none
	ExpertRank             int
	Vocabulary             int
	VisionLayers           int
	VisionWidth, VisionMLP int
	VisionHeads            int
	Positions, Patch       int
	Action                 int
	// NoLinear leaves out mlp/linear, which has half as many elements as
	// gating_einsum whatever the sizes. No model of openpi's lacks it: a spec must
	// say that it is optional.
	NoLinear bool
	// ChunkBytes is what Orbax cuts larger arrays into; the real one is 2 GiB.
	ChunkBytes int64
}

// Pi0 is pi0 with LoRA on both experts: gemma_2b_lora and gemma_300m_lora
// (models/gemma.py get_config) with So400m/14 (models/siglip.py).
var Pi0 = Sizes{
	Layers: 18, Heads: 8, HeadDim: 256, Width: 2048, MLP: 16384, Rank: 16,
	ExpertWidth: 1024, ExpertMLP: 4096, ExpertRank: 32, Vocabulary: 257152,
	VisionLayers: 27, VisionWidth: 1152, VisionMLP: 4304, VisionHeads: 16,
	Positions: 256, Patch: 14, Action: 32, ChunkBytes: 2 << 30,
}

// Gating is a pi0-FAST of which gemma_2b's gating_einsum, 4.8 GB of float32,
// is nearly all: what shares no axis with it is as small as it can be.
var Gating = Sizes{
	Layers: 18, Heads: 2, HeadDim: 8, Width: 2048, MLP: 16384, Rank: 16, Vocabulary: 8,
	VisionLayers: 1, VisionWidth: 8, VisionMLP: 8, VisionHeads: 1, Positions: 4, Patch: 2,
	NoLinear: true, ChunkBytes: 2 << 30,
}

// SmallPi0 and SmallGating have the same leaves, and as many chunks of each, in
// a few megabytes.
var (
	SmallPi0 = Sizes{
		Layers: 2, Heads: 2, HeadDim: 32, Width: 128, MLP: 512, Rank: 16,
		ExpertWidth: 64, ExpertMLP: 128, ExpertRank: 32, Vocabulary: 512,
		VisionLayers: 2, VisionWidth: 48, VisionMLP: 96, VisionHeads: 2,
		Positions: 16, Patch: 2, Action: 8, ChunkBytes: 500 << 10,
	}
	SmallGating = Sizes{
		Layers: 2, Heads: 2, HeadDim: 8, Width: 128, MLP: 1024, Rank: 16, Vocabulary: 8,
		VisionLayers: 1, VisionWidth: 8, VisionMLP: 8, VisionHeads: 1, Positions: 4, Patch: 2,
		NoLinear: true, ChunkBytes: 800 << 10,
	}
)

// Leaf is one parameter.
type Leaf struct {
	Name  string // with slashes, without the root "params"
	DType tensor.DType
	Shape tensor.Shape
}

// Chunk returns the chunk shape that Orbax chooses on one device: the whole
// array, or where that exceeds limit bytes, the largest axis divided until it
// no longer does (orbax/checkpoint/_src/arrays/subchunking.py).
func (l *Leaf) Chunk(limit int64) tensor.Shape {
	s := slices.Clone(l.Shape)
	for int64(s.Elements())*int64(l.DType.Size()) > limit {
		axis := 0
		for i := range s {
			if s[i] > s[axis] {
				axis = i
			}
		}
		if s[axis]%2 != 0 {
			break
		}
		s[axis] /= 2
	}
	return s
}

// Bytes returns what the leaf decodes to.
func (l *Leaf) Bytes() int64 { return int64(l.Shape.Elements()) * int64(l.DType.Size()) }

// Leaves lists the parameters of a LoRA fine-tune of these sizes. Frozen ones
// are of type frozen: bfloat16 in a run that trained the adapters, float32
// where the filter was left out (scripts/train.py, freeze_filter).
func (z Sizes) Leaves(frozen tensor.DType) []Leaf {
	t := &tree{sizes: z, frozen: frozen}
	t.vision()
	t.language("", z.Width, z.MLP, z.Rank)
	t.add(frozen, "PaliGemma/llm/embedder/input_embedding", z.Vocabulary, z.Width)
	if z.ExpertWidth > 0 {
		t.language("_1", z.ExpertWidth, z.ExpertMLP, z.ExpertRank)
		t.actions()
	}
	slices.SortFunc(t.leaves, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return t.leaves
}

type tree struct {
	sizes  Sizes
	frozen tensor.DType
	leaves []Leaf
}

func (t *tree) add(d tensor.DType, name string, shape ...int) {
	t.leaves = append(t.leaves, Leaf{name, d, shape})
}

// language is one tower of models/gemma.py with the adapters of
// models/lora.py; s is its suffix.
func (t *tree) language(s string, width, mlp, rank int) {
	l, n, h := t.sizes.Layers, t.sizes.Heads, t.sizes.HeadDim
	const f32 = tensor.Float32
	at := "PaliGemma/llm/layers/attn/"
	t.add(t.frozen, at+"q_einsum"+s+"/w", l, n, width, h)
	t.add(f32, at+"q_einsum"+s+"/lora_a", l, n, width, rank)
	t.add(f32, at+"q_einsum"+s+"/lora_b", l, n, rank, h)
	t.add(t.frozen, at+"kv_einsum"+s+"/w", l, 2, 1, width, h)
	t.add(f32, at+"kv_einsum"+s+"/lora_a", l, 2, 1, width, rank)
	t.add(f32, at+"kv_einsum"+s+"/lora_b", l, 2, 1, rank, h)
	t.add(t.frozen, at+"attn_vec_einsum"+s+"/w", l, n, h, width)
	t.add(f32, at+"attn_vec_einsum"+s+"/lora_a", l, n, h, rank)
	t.add(f32, at+"attn_vec_einsum"+s+"/lora_b", l, n, rank, width)
	at = "PaliGemma/llm/layers/mlp" + s + "/"
	t.add(t.frozen, at+"gating_einsum", l, 2, width, mlp)
	t.add(f32, at+"gating_einsum_lora_a", l, 2, width, rank)
	t.add(f32, at+"gating_einsum_lora_b", l, 2, rank, mlp)
	if !t.sizes.NoLinear {
		t.add(t.frozen, at+"linear", l, mlp, width)
		t.add(f32, at+"linear_lora_a", l, mlp, rank)
		t.add(f32, at+"linear_lora_b", l, rank, width)
	}
	t.add(t.frozen, "PaliGemma/llm/layers/pre_attention_norm"+s+"/scale", l, width)
	t.add(t.frozen, "PaliGemma/llm/layers/pre_ffw_norm"+s+"/scale", l, width)
	t.add(t.frozen, "PaliGemma/llm/final_norm"+s+"/scale", width)
}

// actions are the projections of models/pi0.py.
func (t *tree) actions() {
	a, d := t.sizes.Action, t.sizes.ExpertWidth
	t.linear("action_in_proj", a, d)
	t.linear("action_out_proj", d, a)
	t.linear("state_proj", a, d)
	t.linear("action_time_mlp_in", 2*d, d)
	t.linear("action_time_mlp_out", d, d)
}

func (t *tree) linear(name string, in, out int) {
	t.add(tensor.Float32, name+"/kernel", in, out)
	t.add(tensor.Float32, name+"/bias", out)
}

// vision is the tower of models/siglip.py, which is always trained.
func (t *tree) vision() {
	z := &t.sizes
	l, d, f, n, h := z.VisionLayers, z.VisionWidth, z.VisionMLP, z.VisionHeads, z.VisionWidth/z.VisionHeads
	const f32 = tensor.Float32
	at := "PaliGemma/img/"
	t.add(f32, at+"embedding/kernel", z.Patch, z.Patch, 3, d)
	t.add(f32, at+"embedding/bias", d)
	t.add(f32, at+"pos_embedding", 1, z.Positions, d)
	t.add(f32, at+"head/kernel", d, z.Width)
	t.add(f32, at+"head/bias", z.Width)
	at += "Transformer/"
	t.add(f32, at+"encoder_norm/scale", d)
	t.add(f32, at+"encoder_norm/bias", d)
	at += "encoderblock/"
	for _, norm := range []string{"LayerNorm_0", "LayerNorm_1"} {
		t.add(f32, at+norm+"/scale", l, d)
		t.add(f32, at+norm+"/bias", l, d)
	}
	t.add(f32, at+"MlpBlock_0/Dense_0/kernel", l, d, f)
	t.add(f32, at+"MlpBlock_0/Dense_0/bias", l, f)
	t.add(f32, at+"MlpBlock_0/Dense_1/kernel", l, f, d)
	t.add(f32, at+"MlpBlock_0/Dense_1/bias", l, d)
	at += "MultiHeadDotProductAttention_0/"
	for _, projection := range []string{"query", "key", "value"} {
		t.add(f32, at+projection+"/kernel", l, d, n, h)
		t.add(f32, at+projection+"/bias", l, n, h)
	}
	t.add(f32, at+"out/kernel", l, n, h, d)
	t.add(f32, at+"out/bias", l, d)
}
