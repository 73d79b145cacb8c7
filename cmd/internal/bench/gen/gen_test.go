package gen

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/core/tensor"
)

// TestPi0Leaves compares the tree with the one that openpi itself builds.
func TestPi0Leaves(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "plugins", "openpi", "testdata", "jax_pi0_lora.json"))
	if err != nil {
		t.Fatal(err)
	}
	type leaf struct {
		Shape []int
		DType string
	}
	want := map[string]leaf{}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]leaf{}
	for _, l := range Pi0.Leaves(tensor.BFloat16) {
		got[l.Name] = leaf{l.Shape, l.DType.String()}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestChunks holds the chunk shapes that orbax 0.11.13 was seen to choose.
func TestChunks(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		shape tensor.Shape
		want  tensor.Shape
	}{
		{tensor.Float32, tensor.Shape{257152, 2048}, tensor.Shape{257152, 2048}},
		{tensor.Float32, tensor.Shape{18, 2, 2048, 16384}, tensor.Shape{18, 2, 2048, 4096}},
		{tensor.BFloat16, tensor.Shape{18, 2, 2048, 16384}, tensor.Shape{18, 2, 2048, 8192}},
		{tensor.Float32, tensor.Shape{18, 16384, 2048}, tensor.Shape{18, 8192, 2048}},
		{tensor.BFloat16, tensor.Shape{18, 16384, 2048}, tensor.Shape{18, 16384, 2048}},
	} {
		l := Leaf{DType: c.d, Shape: c.shape}
		if got := l.Chunk(2 << 30); !got.Equal(c.want) {
			t.Errorf("%v %v: chunks of %v, wanted %v", c.d, c.shape, got, c.want)
		}
	}
}

// TestSmall checks that the small trees have the large ones' leaves and chunks.
func TestSmall(t *testing.T) {
	for _, c := range []struct {
		name         string
		large, small Sizes
		frozen       tensor.DType
	}{
		{"lora", Pi0, SmallPi0, tensor.BFloat16},
		{"array", Gating, SmallGating, tensor.Float32},
	} {
		type leaf struct {
			Name   string
			DType  tensor.DType
			Chunks int
		}
		list := func(z Sizes) (out []leaf) {
			for _, l := range z.Leaves(c.frozen) {
				out = append(out, leaf{l.Name, l.DType, l.Shape.Elements() / l.Chunk(z.ChunkBytes).Elements()})
			}
			return out
		}
		if d := cmp.Diff(list(c.large), list(c.small)); d != "" {
			t.Errorf("%s (-large +small):\n%s", c.name, d)
		}
	}
}

// TestWrite reads a checkpoint back: every chunk, with the spread that is
// promised; and a second Write leaves it alone.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	leaves, save := SmallPi0.Leaves(tensor.BFloat16), OpenPI(SmallPi0.ChunkBytes)
	if err := Write(dir, leaves, save); err != nil {
		t.Fatal(err)
	}
	d, err := all.Open(t.Context(), dir, all.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Tree("params")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, l := range leaves {
		s, err := store.Flat(t.Context(), r, "params/"+l.Name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(data)) != l.Bytes() {
			t.Errorf("%s: %d bytes, wanted %d", l.Name, len(data), l.Bytes())
		}
		if n := l.Shape.Elements(); n > 10000 {
			checkSpread(t, &l, data)
		}
	}
	before := stat(t, dir)
	if err := Write(dir, leaves, save); err != nil {
		t.Fatal(err)
	}
	if after := stat(t, dir); !os.SameFile(before, after) {
		t.Error("what was complete was made again")
	}
	if err := Write(dir, leaves[1:], save); err != nil {
		t.Fatal(err)
	}
	if after := stat(t, dir); os.SameFile(before, after) {
		t.Error("what holds other leaves was left")
	}
}

// TestLlamaLeaves compares the layers with those of a checkpoint that MaxText
// saved, but for the sizes.
func TestLlamaLeaves(t *testing.T) {
	at := filepath.Join("..", "..", "..", "..", "examples", "maxtext-llama31-lora", "checkpoint")
	want := map[string]tensor.Shape{}
	for _, dir := range []string{"base", "lora"} {
		d, err := all.Open(t.Context(), filepath.Join(at, dir), all.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, tree := range d.Describe().Trees {
			r, err := d.Tree(tree)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, p := range r.Manifest().Tensors {
				if name, ok := strings.CutPrefix(p.Name, "params/params/"); ok {
					want[name] = p.Shape
				}
			}
		}
	}
	made := map[string]tensor.Shape{}
	z := Stack{Layers: 3, Width: 48, MLP: 56, Heads: 4, KVHeads: 2, HeadDim: 16, Vocabulary: 128, Rank: 4}
	for _, l := range z.Leaves(tensor.BFloat16) {
		made[l.Name] = l.Shape
	}
	for name, shape := range want {
		if !made[name].Equal(shape) {
			t.Errorf("%s: %v, MaxText made %v", name, made[name], shape)
		}
	}
	for name := range made {
		if _, ok := want[name]; !ok && !strings.Contains(name, "_lora_") {
			t.Errorf("MaxText made no %s", name)
		}
	}
	if len(want) < 18 {
		t.Errorf("%d leaves to compare with", len(want))
	}
}

func stat(t *testing.T, dir string) os.FileInfo {
	t.Helper()
	st, err := os.Stat(filepath.Join(dir, "29999", "params", "_METADATA"))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func checkSpread(t *testing.T, l *Leaf, data []byte) {
	t.Helper()
	w := make([]float32, l.Shape.Elements())
	if err := tensor.DecodeFloat32(w, data, l.DType); err != nil {
		t.Fatal(err)
	}
	var sum, squares float64
	for _, x := range w {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	mean, dev := sum/float64(len(w)), math.Sqrt(squares/float64(len(w)))
	if math.Abs(mean) > 0.001 || math.Abs(dev-sigma) > 0.001 {
		t.Errorf("%s: mean %.4f and deviation %.4f, wanted 0 and %v", l.Name, mean, dev, sigma)
	}
}
