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
			arrays := map[string]mappingtest.Array{}
			var params []orbaxtest.Param
			next := float32(0)
			for _, l := range lines {
				for _, s := range l.Sources {
					if _, ok := arrays[s.Name]; ok {
						continue
					}
					a := mappingtest.Array{Shape: s.Shape, V: make([]float64, s.Shape.Elements())}
					raw := make([]byte, 0, 4*len(a.V))
					for i := range a.V {
						next++
						a.V[i] = float64(next)
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
			want := map[string]mappingtest.Array{}
			for _, l := range lines {
				if l.Target == "" {
					continue
				}
				var as []mappingtest.Array
				for _, s := range l.Sources {
					a := arrays[s.Name]
					if s.Position >= 0 {
						n := len(a.V) / a.Shape[0]
						a = mappingtest.Array{Shape: a.Shape[1:], V: a.V[s.Position*n : (s.Position+1)*n]}
					}
					as = append(as, a)
				}
				made := mappingtest.Apply(t, c.model, l.Hook, as, c.sizes, l.Sources[0].Name, l.Target)
				if before, ok := want[l.Target]; ok { // the import splits, here they come together
					made = mappingtest.Concat(0, before, made)
				}
				want[l.Target] = made
			}
			got := readOracle(t, filepath.Join(out, "model.safetensors"))
			if len(got) != len(want) || len(got) < 40 {
				t.Errorf("%d tensors, wanted %d", len(got), len(want))
			}
			for name, w := range want {
				g := got[name]
				if !slices.Equal(g.Shape, w.Shape) || !slices.EqualFunc(g.float32s(), w.V, func(a float32, b float64) bool { return float64(a) == b }) {
					t.Errorf("%s %v is not %v as upstream makes it", name, g.Shape, w.Shape)
				}
			}
		})
	}
}
