package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

// ndarray is as much of numpy as upstream's hooks use.
type ndarray struct {
	shape []int
	data  []float32
}

func (a ndarray) reshape(shape ...int) ndarray { return ndarray{shape, a.data} }

func (a ndarray) flat() ndarray { return a.reshape(len(a.data)) }

// transpose is numpy's: axis i of the result is axis perm[i].
func (a ndarray) transpose(perm ...int) ndarray {
	out := ndarray{make([]int, len(perm)), make([]float32, len(a.data))}
	for i, p := range perm {
		out.shape[i] = a.shape[p]
	}
	at := make([]int, len(perm))
	for n := range out.data {
		from, rest := 0, n
		for i := len(perm) - 1; i >= 0; i-- {
			at[perm[i]] = rest % out.shape[i]
			rest /= out.shape[i]
		}
		for i, k := range at {
			from = from*a.shape[i] + k
		}
		out.data[n] = a.data[from]
	}
	return out
}

// T reverses the axes.
func (a ndarray) T() ndarray {
	perm := make([]int, len(a.shape))
	for i := range perm {
		perm[i] = len(perm) - 1 - i
	}
	return a.transpose(perm...)
}

// matrix is what reshape_kernel makes: inputs by outputs, turned over. The
// output projection of attention has its inputs, heads and head dim, in front.
func (a ndarray) matrix(name string) ndarray {
	n := a.shape[0]
	if strings.HasSuffix(name, "/out/kernel") {
		n = len(a.data) / a.shape[len(a.shape)-1]
	}
	return a.reshape(n, len(a.data)/n).T()
}

// below joins arrays along their first axis.
func below(as ...ndarray) ndarray {
	out := ndarray{slices.Clone(as[0].shape), nil}
	out.shape[0] = 0
	for _, a := range as {
		out.shape[0] += a.shape[0]
		out.data = append(out.data, a.data...)
	}
	return out
}

func each(as []ndarray, f func(ndarray) ndarray) []ndarray {
	var out []ndarray
	for _, a := range as {
		out = append(out, f(a))
	}
	return out
}

// hook is a function of upstream's checkpoint_conversion/utils/param_mapping.py
// on the way to Hugging Face, written down from its description there.
func hook(t *testing.T, name string, as []ndarray, sources []mappingtest.Source) ndarray {
	t.Helper()
	a, first := as[0], sources[0].Name
	switch name {
	case "-", "identity", "pad_embedding_layer":
		return a
	case "transpose", "reshape_expert_kernel":
		return a.T()
	case "reshape_kernel", "reshape_kernel_vision", "reshape_kernel_audio", "reshape_vision_attn_out", "reshape_audio_attn_qkv", "reshape_audio_attn_out",
		"reshape_transpose_wq_b", "reshape_transpose_wkv", "split_qkv_query", "split_qkv_key", "split_qkv_value":
		return a.matrix(first)
	case "reshape_audio_attn_qkv_bias", "split_qkv_bias_query", "split_qkv_bias_key", "split_qkv_bias_value":
		return a.flat()
	case "process_qkv_vision":
		return below(each(as, func(a ndarray) ndarray { return a.matrix(first) })...)
	case "process_qkv_bias_vision", "mhc_concat_base", "mhc_concat_scale":
		return below(each(as, ndarray.flat)...)
	case "mhc_concat_fn": // side by side, then turned over
		return below(each(as, ndarray.T)...)
	case "reshape_conv3d_patch_embed":
		return a.transpose(4, 3, 0, 1, 2)
	case "reshape_conv2d_audio":
		return a.transpose(3, 2, 0, 1)
	case "reshape_transpose_o_a":
		return a.transpose(0, 2, 1).reshape(a.shape[0]*a.shape[2], a.shape[1])
	case "process_wi_0_wi_1_fused": // along the last axis
		both := below(as[0].transpose(2, 0, 1), as[1].transpose(2, 0, 1))
		return both.transpose(1, 2, 0)
	}
	t.Fatalf("there is no hook %q here", name)
	return ndarray{}
}

// Small models of the families that no checkpoint proves, converted by the
// command, hold element by element what upstream's hooks make of them.
func TestMaxTextHooks(t *testing.T) {
	vision := map[string]int{"ve": 8, "vn": 2, "vh": 4, "vf": 10, "vp": 12, "vm": 9}
	with := func(more map[string]int) map[string]int {
		for k, n := range vision {
			more[k] = n
		}
		return more
	}
	for _, c := range []struct {
		model  string
		sizes  map[string]int
		layers int
	}{
		{"deepseek3.2-671b", map[string]int{"E": 6, "H": 2, "Q": 3, "QD": 5, "CR": 8, "C": 7, "KV": 9, "OD": 4, "M": 10, "F": 3, "S": 4, "V": 11, "IN": 3, "IH": 5}, 2},
		{"deepseek4-284b", map[string]int{
			"E": 7, "H": 3, "K": 1, "D": 6, "QD": 6, "C": 6, "Q": 4, "F": 3, "S": 5, "V": 11,
			"k": 2, "kk": 4, "kE": 14, "o": 2, "oi": 10, "a": 3, "oa": 6, "x": 2, "2D": 12, "cs": 4, "ch": 8, "IN": 3, "IH": 5, "2IH": 10, "II": 15,
		}, 5},
		{"qwen3-vl-2b", with(map[string]int{"E": 6, "H": 4, "K": 2, "D": 5, "M": 7, "V": 11}), 2},
		{"qwen3-vl-30b-a3b", with(map[string]int{"E": 6, "H": 4, "K": 2, "D": 5, "F": 3, "V": 11}), 2},
		{"qwen3-omni-30b-a3b", with(map[string]int{"E": 6, "H": 4, "K": 2, "D": 5, "F": 3, "V": 11, "ac": 4, "aw": 13, "ae": 9, "an": 3, "ah": 3, "af": 14}), 2},
	} {
		t.Run(c.model, func(t *testing.T) {
			lines := mappingtest.Lines(t, "../../plugins/maxtext/testdata/mapping", c.model, c.sizes, c.layers)
			arrays := map[string]ndarray{}
			var params []orbaxtest.Param
			next := float32(0)
			for _, l := range lines {
				for _, s := range l.Sources {
					if _, ok := arrays[s.Name]; ok {
						continue
					}
					a := ndarray{s.Shape, make([]float32, s.Shape.Elements())}
					raw := make([]byte, 0, 4*len(a.data))
					for i := range a.data {
						next++
						a.data[i] = next
						raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(next))
					}
					arrays[s.Name] = a
					params = append(params, orbaxtest.Param{Path: strings.Split(s.Name, "/"), DType: tensor.Float32, Shape: s.Shape, Data: orbaxtest.FromBytes(raw, tensor.Float32, s.Shape)})
				}
			}
			source, out := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "out")
			if err := orbaxtest.Write(source, params, orbaxtest.Options{}); err != nil {
				t.Fatal(err)
			}
			spec := writeSpec(t, fmt.Sprintf("source \"maxtext\" \"base\" {\n  path = %q\n  model = %q\n}\nconversion \"model\" {\n  source = source.maxtext.base\n  output \"huggingface\" {\n    path = %q\n    template = \"none\"\n  }\n}\n", source, c.model, out))
			if code, stdout, stderr := loraconv(t, "run", spec); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
			}
			want := map[string]ndarray{}
			for _, l := range lines {
				if l.Target == "" {
					continue
				}
				var as []ndarray
				for _, s := range l.Sources {
					a := arrays[s.Name]
					if s.Position >= 0 {
						n := len(a.data) / a.shape[0]
						a = ndarray{a.shape[1:], a.data[s.Position*n : (s.Position+1)*n]}
					}
					as = append(as, a)
				}
				made := hook(t, l.Hook, as, l.Sources)
				if before, ok := want[l.Target]; ok { // the import splits, here they come together
					made = below(before, made)
				}
				want[l.Target] = made
			}
			got := readOracle(t, filepath.Join(out, "model.safetensors"))
			if len(got) != len(want) || len(got) < 40 {
				t.Errorf("%d tensors, wanted %d", len(got), len(want))
			}
			for name, w := range want {
				g := got[name]
				if !slices.Equal(g.Shape, w.shape) || !slices.Equal(g.float32s(), w.data) {
					t.Errorf("%s %v is not %v as upstream makes it", name, g.Shape, w.shape)
				}
			}
		})
	}
}
