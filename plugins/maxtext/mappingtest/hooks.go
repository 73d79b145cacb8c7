package mappingtest

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// hooks are what upstream's exporter does to the arrays that make one target:
// checkpoint_conversion/utils/param_mapping.py, the *_HOOK_FN functions with
// saving_to_hf, read as operations on arrays. d are the model's sizes, and key
// the first parameter's name.
var hooks = map[string]func(x []Array, d dims, key, target string) Array{
	"-":                   same,
	"<lambda>":            same,
	"adapt_olmo3_qk_norm": same,
	"reshape_to_target":   same,
	"identity":            same,
	"pad_embedding_layer": same, // nothing is padded here

	"transpose":                       func(x []Array, _ dims, _, _ string) Array { return x[0].t() },
	"reshape_vision_patch":            func(x []Array, _ dims, _, _ string) Array { return x[0].t() },
	"reshape_kernel":                  kernel,
	"reshape_kernel_vision":           kernel,
	"reshape_kernel_audio":            kernel,
	"reshape_bias":                    flat,
	"vis_bias":                        flat,
	"reshape_and_transpose_attention": func(x []Array, d dims, _, _ string) Array { return x[0].reshape(d["E"], len(x[0].V)/d["E"]).t() },
	"reshape_vision_attn_out":         func(x []Array, d dims, _, _ string) Array { return x[0].reshape(d["ve"], d["ve"]).t() },
	"reshape_audio_attn_out":          func(x []Array, d dims, _, _ string) Array { return x[0].reshape(d["ae"], d["ae"]).t() },
	"reshape_audio_attn_qkv":          func(x []Array, d dims, _, _ string) Array { return x[0].reshape(d["ae"], d["ae"]).t() },
	"reshape_audio_attn_qkv_bias":     func(x []Array, d dims, _, _ string) Array { return x[0].reshape(d["ae"]) },

	"permute_conv":               func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(2, 1, 0) },
	"vision_patch":               func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(3, 2, 0, 1) },
	"reshape_conv2d_audio":       func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(3, 2, 0, 1) },
	"reshape_conv3d_patch_embed": func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(4, 3, 0, 1, 2) },
	"reshape_pos_emb":            func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(1, 0, 2) },
	"pos_embed":                  func(x []Array, _ dims, _, _ string) Array { return x[0].reshape(x[0].Shape[1:]...) },

	"reshape_expert_kernel":   func(x []Array, _ dims, _, _ string) Array { return x[0].swap() },
	"transpose_expert":        func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(0, 2, 1) },
	"reshape_moe_wo":          func(x []Array, _ dims, _, _ string) Array { return x[0].transpose(0, 2, 1) },
	"process_wi_0_wi_1":       func(x []Array, _ dims, _, _ string) Array { return Concat(len(x[0].Shape)-1, x...).swap() },
	"moe_gate_up_hook":        func(x []Array, _ dims, _, _ string) Array { return Concat(len(x[0].Shape)-1, x...).swap() },
	"process_wi_0_wi_1_fused": func(x []Array, _ dims, _, _ string) Array { return Concat(len(x[0].Shape)-1, x...) },
	"interleave": func(x []Array, _ dims, _, _ string) Array {
		shape := append([]int{}, x[0].Shape...)
		shape[len(shape)-1] *= 2
		return build(shape, func(at []int) float64 {
			from := append([]int{}, at...)
			from[len(from)-1] /= 2
			return x[at[len(at)-1]%2].get(from)
		})
	},

	"process_qkv_vision":      func(x []Array, d dims, key, target string) Array { return joined(x, kernel, d, key, target) },
	"process_qkv_bias_vision": joinedFlat,
	// The import's, the other way round: each is a part of the target.
	"split_qkv_query": kernel, "split_qkv_key": kernel, "split_qkv_value": kernel,
	"split_qkv_bias_query": flat, "split_qkv_bias_key": flat, "split_qkv_bias_value": flat,

	"reshape_transpose_wq_b": kernel,
	"reshape_transpose_wkv":  kernel,
	"reshape_transpose_o_a": func(x []Array, _ dims, _, _ string) Array {
		s := x[0].Shape
		return x[0].transpose(0, 2, 1).reshape(s[0]*s[2], s[1])
	},
	"mhc_concat_base":  joinedFlat,
	"mhc_concat_scale": joinedFlat,
	"mhc_concat_fn": func(x []Array, _ dims, _, _ string) Array { // side by side, then turned over
		return Concat(1, x...).t()
	},

	"concat_qkvz_and_transpose": func(x []Array, d dims, _, target string) Array {
		hk, dk, v := d["LK"], d["LD"], d["VH"]/d["LK"]*d["VD"]
		rows := x[0].t()
		r := rows.reshape(hk, dk+dk+v+v, rows.Shape[1])
		cut := func(lo, hi int) Array { return r.cut(1, lo, hi).reshape(hk*(hi-lo), rows.Shape[1]) }
		if strings.HasSuffix(target, ".in_proj_z.weight") {
			return cut(2*dk+v, 2*dk+2*v)
		}
		return Concat(0, cut(0, dk), cut(dk, 2*dk), cut(2*dk, 2*dk+v))
	},
	"concat_ba_and_transpose": func(x []Array, d dims, _, target string) Array {
		hk, per := d["LK"], d["VH"]/d["LK"]
		rows := x[0].t()
		r := rows.reshape(hk, 2*per, rows.Shape[1])
		lo := 0
		if strings.HasSuffix(target, ".in_proj_a.weight") {
			lo = per
		}
		return r.cut(1, lo, lo+per).reshape(hk*per, rows.Shape[1])
	},

	"adjust_rope": func(x []Array, _ dims, _, _ string) Array {
		return Concat(len(x[0].Shape)-1, x[0].every(0), x[0].every(1))
	},
	"scale_query_layer": func(x []Array, d dims, _, _ string) Array {
		f := float64(float32(math.Sqrt(float64(d["D"]))))
		return x[0].each(func(v float64) float64 { return v * f })
	},
	"pad_and_scale_embedding": func(x []Array, d dims, _, _ string) Array { // bfloat16: the root's first 8 bits, to nearest even
		bits := math.Float32bits(float32(math.Sqrt(float64(d["E"]))))
		bits = (bits + 0x7fff + bits>>16&1) &^ 0xffff
		f := float64(math.Float32frombits(bits))
		return x[0].each(func(v float64) float64 { return v / f })
	},
	"scale_rmsnorm": minusOne,
}

// ofModel are hooks that have the same name, yet do something else in one model's table.
var ofModel = map[string]func(x []Array, d dims, key, target string) Array{
	"gemma2 scale_rmsnorm_layer":    minusOne,
	"gemma2 pad_hf_embedding_layer": scaledEmbedding,
	"gemma4 scale_rmsnorm_layer":    same,
	"gemma4 pad_hf_embedding_layer": scaledEmbedding,
	"olmo3 scale_rmsnorm_layer":     same,
	"olmo3 pad_hf_embedding_layer":  same,
}

func same(x []Array, _ dims, _, _ string) Array { return x[0] }

func minusOne(x []Array, _ dims, _, _ string) Array {
	return x[0].each(func(v float64) float64 { return v - 1 })
}

func scaledEmbedding(x []Array, d dims, _, _ string) Array {
	f := float64(float32(math.Sqrt(float64(d["E"]))))
	return x[0].each(func(v float64) float64 { return v / f })
}

// kernel is x.reshape(flipped target shape).T: a target has what a kernel puts
// out in its rows and what it takes in in its columns. An output projection
// takes in heads and their dims; all others their first axis.
func kernel(x []Array, _ dims, key, _ string) Array {
	in := 1
	if strings.HasSuffix(key, "/out/kernel") && len(x[0].Shape) == 3 {
		in = 2
	}
	return x[0].reshape(product(x[0].Shape[:in]), product(x[0].Shape[in:])).t()
}

func flat(x []Array, _ dims, _, _ string) Array { return x[0].flat() }

// joined does the same to each array and puts the rows below one another.
func joined(x []Array, f func([]Array, dims, string, string) Array, d dims, key, target string) Array {
	var rows []Array
	for _, a := range x {
		rows = append(rows, f([]Array{a}, d, key, target))
	}
	return Concat(0, rows...)
}

func joinedFlat(x []Array, d dims, key, target string) Array { return joined(x, flat, d, key, target) }

// Apply does to the arrays that make a target what the hooks that a table names
// for it do: key is the first parameter's name, sizes those of the model.
func Apply(t *testing.T, model, names string, xs []Array, sizes map[string]int, key, target string) Array {
	t.Helper()
	family, _, _ := strings.Cut(model, "-")
	for _, h := range strings.Split(names, "+") {
		f, ok := ofModel[family+" "+h]
		if !ok {
			f, ok = hooks[h]
		}
		if !ok {
			t.Fatalf("%s: hook %q is not read", target, h)
		}
		if strings.HasPrefix(h, "split_") {
			xs = []Array{joined(xs, f, sizes, key, target)}
		} else {
			xs = []Array{f(xs, sizes, key, target)}
		}
	}
	return xs[0]
}

// small are sizes at which every element of every target can be compared, all
// different where the hooks let them be.
func small(name string) model {
	md := models[modelOf(name)]
	d := dims{
		"E": 21, "H": 4, "K": 2, "D": 6, "M": 7, "V": 11, "F": 5, "S": 3, "GK": 3, "GD": 8, "WM": 14, "P": 3, "PL": 35 * 3,
		"Q": 19, "CR": 13, "C": 9, "KV": 14, "IN": 3, "IH": 5,
		"LK": 2, "LD": 3, "VH": 4, "VD": 5, "VW": 20, "BA": 8, "Z": 52,
		"ve": 12, "vn": 3, "vh": 4, "vf": 13, "vp": 16, "vm": 17, "vi": 18,
		"ac": 3, "aw": 5, "ae": 12, "an": 3, "ah": 4, "af": 7,
	}
	if _, ok := md.dims["VH"]; ok {
		d["C"] = 2*2*3 + 20
	}
	switch family := modelOf(name); {
	case strings.HasPrefix(family, "mixtral"):
		d["E"] = d["H"] * d["D"] // upstream's hook needs it
	case strings.HasPrefix(family, "olmo3"):
		d["QN"], d["KN"] = d["H"]*d["D"], d["K"]*d["D"]
	case strings.HasPrefix(family, "qwen3-next"), strings.HasPrefix(family, "qwen3.5"):
		d["QD"] = 2 * d["D"]
	case strings.HasPrefix(family, "deepseek4"):
		d["QD"], d["K"], d["C"] = d["D"], 1, d["D"]
		more := dims{"k": 2, "kk": 4, "kE": 2 * d["E"], "o": 2, "oi": 10, "a": 3, "oa": 6, "x": 2, "2D": 2 * d["D"], "cs": 4, "ch": 8, "2IH": 2 * d["IH"], "II": d["IN"] * d["IH"]}
		maps.Copy(d, more)
	case strings.HasPrefix(family, "deepseek"):
		d["QD"], d["OD"] = 8, 9
	}
	d["X"], md.few = 4, 4
	md.dims = d
	return md
}

// ReadSmall is Read for a model of the same layers with all else small.
func ReadSmall(t *testing.T, dir, name string) (Table, sdk.PlanRequest) {
	t.Helper()
	want, req := read(t, dir, name, small(name))
	if strings.HasPrefix(name, "qwen3.5") { // what no shape tells
		req.Output.Args["template"] = "the model's repository"
		req.Output.Template = &sdk.Template{Config: map[string]any{"model_type": "qwen3_5_moe", "text_config": map[string]any{
			"linear_num_key_heads": float64(want.dims["LK"]), "linear_key_head_dim": float64(want.dims["LD"]),
		}}}
	}
	return want, req
}

// CompareValues evaluates every line of a plan, element by element, and
// compares it with what upstream's hooks give.
func CompareValues(t *testing.T, name string, want Table, req sdk.PlanRequest, p *plan.Plan) {
	t.Helper()
	ms := plan.Manifests{"base": req.Sources[0].Manifest}
	offset := map[string]float64{}
	n := 0
	shapes := map[string][]int{}
	for _, x := range ms["base"].Tensors {
		offset[x.Name], shapes[x.Name] = float64(n), x.Shape
		n += x.Shape.Elements()
	}
	shown := 0
	for i := range p.Tensors {
		x := &p.Tensors[i]
		m, ok := want.made[x.Name]
		if !ok {
			continue // Compare says so
		}
		w := m.value(t, name, want.dims, x.Name, func(key string) Array { return Stored(shapes[key], m.at, offset[key]) })
		got := values(t, x, ms, offset)
		switch {
		case shown == 10:
			return
		case !slices.Equal(w.Shape, x.Shape):
			shown++
			t.Errorf("%s: shape %v, upstream gives %v", x.Name, x.Shape, w.Shape)
		default:
			for k := range w.V {
				if got[k] != w.V[k] {
					shown++
					t.Errorf("%s: element %d is %v, upstream gives %v", x.Name, k, got[k], w.V[k])
					break
				}
			}
		}
	}
}

// Stored are the elements of a parameter at fixed positions of some axes; each
// has the number of its place, after offset.
func Stored(shape []int, at []plan.At, offset float64) Array {
	var rest []int
	for k, n := range shape {
		if !slices.ContainsFunc(at, func(a plan.At) bool { return a.Axis == k }) {
			rest = append(rest, n)
		}
	}
	return build(rest, func(pos []int) float64 {
		i, used := 0, 0
		for k, n := range shape {
			p := 0
			if f := slices.IndexFunc(at, func(a plan.At) bool { return a.Axis == k }); f >= 0 {
				p = at[f].Pos
			} else {
				p = pos[used]
				used++
			}
			i = i*n + p
		}
		return offset + float64(i)
	})
}

// value is what upstream makes of a target's parameters.
func (m made) value(t *testing.T, name string, d dims, target string, stored func(key string) Array) Array {
	t.Helper()
	var xs []Array
	for _, k := range m.keys {
		xs = append(xs, stored(k))
	}
	return Apply(t, name, m.hooks, xs, d, m.keys[0], target)
}

// Made is what upstream makes of every target whose parameters, at the
// positions that it takes of them, are as element says.
func (w Table) Made(t *testing.T, name string, element func(key string, at []plan.At) Array) map[string]Array {
	t.Helper()
	out := map[string]Array{}
	for target, m := range w.made {
		out[target] = m.value(t, name, w.dims, target, func(key string) Array { return element(key, m.at) })
	}
	return out
}

// values evaluates one line of a plan.
func values(t *testing.T, x *plan.Tensor, ms plan.Manifests, offset map[string]float64) []float64 {
	t.Helper()
	ps, err := plan.Lower(x.Expr, ms)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, x.Shape.Elements())
	for _, p := range ps {
		for i := range p.Elements() {
			src, dst, rest := p.Src, p.Dst, i
			for k := len(p.Dims) - 1; k >= 0; k-- {
				src += rest % p.Dims[k].Size * p.Dims[k].Src
				dst += rest % p.Dims[k].Size * p.Dims[k].Dst
				rest /= p.Dims[k].Size
			}
			v := float64(p.Value)
			if p.Leaf != nil {
				v = offset[p.Leaf.Source.Name] + float64(src)
			}
			for _, s := range p.Steps {
				switch s.Op {
				case plan.Mul:
					v *= float64(s.V)
				case plan.Div:
					v /= float64(s.V)
				case plan.Add:
					v += float64(s.V)
				}
			}
			out[dst] = v
		}
	}
	return out
}
