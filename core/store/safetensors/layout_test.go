package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/tensor"
)

// A file of two tensors, every byte by hand.
func TestPlanWholeHeader(t *testing.T) {
	l, err := Plan([]Spec{{"q\"\\ü", tensor.BFloat16, tensor.Shape{2}}, {"a", tensor.Float32, tensor.Shape{1, 2}}}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	want := "\xb8\x00\x00\x00\x00\x00\x00\x00" + // 184
		`{"__metadata__":{"format":"pt"},` + // 32
		`"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},` + // 55
		`"q\"\\ü":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}}` // 61
	want += strings.Repeat(" ", 8+184-len(want))
	if d := cmp.Diff(want, string(l.Header)); d != "" {
		t.Error(d)
	}
	wantPlaces := []Place{
		{Spec{"a", tensor.Float32, tensor.Shape{1, 2}}, 192, 8},
		{Spec{"q\"\\ü", tensor.BFloat16, tensor.Shape{2}}, 200, 4},
	}
	if d := cmp.Diff(wantPlaces, l.Places); d != "" || l.Size != 204 {
		t.Errorf("size %d, %s", l.Size, d)
	}
}

func TestPlanEmpty(t *testing.T) {
	l, err := Plan(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x38\x00\x00\x00\x00\x00\x00\x00{}" + strings.Repeat(" ", 54); string(l.Header) != want || l.Size != 64 {
		t.Errorf("%q, size %d", l.Header, l.Size)
	}
}

// second is another parser of the format, as naive as can be.
type second map[string]struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

func parseSecond(t *testing.T, file []byte) (second, []byte) {
	t.Helper()
	n := int(binary.LittleEndian.Uint64(file))
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(file[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	if string(raw["__metadata__"]) != `{"format":"pt"}` {
		t.Errorf("metadata %s", raw["__metadata__"])
	}
	delete(raw, "__metadata__")
	out := second{}
	for name, js := range raw {
		x := out[name]
		if err := json.Unmarshal(js, &x); err != nil {
			t.Fatal(err)
		}
		out[name] = x
	}
	return out, file[8+n:]
}

// Random sets of tensors, in random order: another parser finds every tensor
// where Plan says, aligned to its element, nothing between; the order of the
// specs changes nothing; and our own reader agrees.
func TestPlanBySecondParser(t *testing.T) {
	types := []tensor.DType{tensor.Bool, tensor.Int8, tensor.Uint16, tensor.Int64, tensor.Float8E4M3FN, tensor.BFloat16, tensor.Float16, tensor.Float32, tensor.Float64, tensor.Complex64}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var specs []Spec
		for i := range r.IntN(12) {
			shape := tensor.Shape{}
			for range r.IntN(4) {
				shape = append(shape, r.IntN(5))
			}
			specs = append(specs, Spec{fmt.Sprintf("t%d.%x.weight", i, r.Uint32()), types[r.IntN(len(types))], shape})
		}
		meta := map[string]string{"format": "pt"}
		l, err := Plan(specs, meta)
		if err != nil {
			t.Fatal(err)
		}
		r.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
		again, err := Plan(specs, meta)
		if err != nil || !bytes.Equal(l.Header, again.Header) || l.Size != again.Size {
			t.Fatalf("seed %d: another order gave another layout, %v", seed, err)
		}
		file := make([]byte, l.Size)
		copy(file, l.Header)
		for i, p := range l.Places {
			for k := range p.Bytes {
				file[p.Offset+k] = byte(i + 1)
			}
		}
		got, data := parseSecond(t, file)
		if len(got) != len(specs) || (len(file)-len(data))%64 != 0 {
			t.Fatalf("seed %d: %d tensors of %d, data at %d", seed, len(got), len(specs), len(file)-len(data))
		}
		covered := 0
		for _, s := range specs {
			g, ok := got[s.Name]
			if !ok || g.DType != s.DType.Safetensors() || !slices.Equal(g.Shape, s.Shape) {
				t.Fatalf("seed %d: %q is %+v, wanted %v %v", seed, s.Name, g, s.DType, s.Shape)
			}
			off, _ := l.Offset(s.Name)
			if int64(g.Offsets[0]+len(file)-len(data)) != off || off%int64(s.DType.Size()) != 0 {
				t.Fatalf("seed %d: %q at %v, Plan says %d", seed, s.Name, g.Offsets, off)
			}
			part := data[g.Offsets[0]:g.Offsets[1]]
			if n := s.Shape.Elements() * s.DType.Size(); len(part) != n || n > 0 && bytes.Count(part, part[:1]) != n {
				t.Fatalf("seed %d: %q has bytes of others: %v", seed, s.Name, part)
			}
			covered += len(part)
		}
		if covered != len(data) {
			t.Fatalf("seed %d: %d bytes of tensors in %d", seed, covered, len(data))
		}
		places, _, err := ParseHeader(l.Header[8:], int64(len(data)))
		for i := range places {
			places[i].Offset += int64(len(l.Header))
		}
		byName := func(a, b Place) int { return strings.Compare(a.Name, b.Name) }
		ours := slices.Clone(l.Places)
		slices.SortFunc(ours, byName)
		slices.SortFunc(places, byName)
		if d := cmp.Diff(ours, places); err != nil || d != "" && len(ours)+len(places) > 0 {
			t.Fatalf("seed %d: %v %s", seed, err, d)
		}
	}
}

func TestSplitShards(t *testing.T) {
	f32 := func(name string, n int) Spec { return Spec{name, tensor.Float32, tensor.Shape{n}} }
	specs := []Spec{f32("c", 3), f32("a", 2), f32("b", 1), f32("huge", 100), f32("z", 0), f32("d", 1)}
	for _, c := range []struct {
		max  int64
		want []string
	}{
		{0, []string{"model.safetensors: a b c d huge z"}},
		{1 << 40, []string{"model.safetensors: a b c d huge z"}},
		{12, []string{
			"model-00001-of-00005.safetensors: a b", "model-00002-of-00005.safetensors: c", "model-00003-of-00005.safetensors: d",
			"model-00004-of-00005.safetensors: huge", "model-00005-of-00005.safetensors: z",
		}},
		{16, []string{
			"model-00001-of-00004.safetensors: a b", "model-00002-of-00004.safetensors: c d",
			"model-00003-of-00004.safetensors: huge", "model-00004-of-00004.safetensors: z",
		}},
	} {
		shards, err := SplitShards(specs, c.max)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range shards {
			line := s.File + ":"
			for _, x := range s.Specs {
				line += " " + x.Name
			}
			got = append(got, line)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("at most %d: %s", c.max, d)
		}
	}
	if _, err := SplitShards([]Spec{f32("a", 1), f32("a", 2)}, 8); err == nil {
		t.Error("a name that stands twice was accepted")
	}
	if _, err := SplitShards(specs, -1); err == nil {
		t.Error("a negative size was accepted")
	}
}

// As transformers writes it: json.dumps(index, indent=2, sort_keys=True) + "\n".
func TestEncodeIndex(t *testing.T) {
	shards, err := SplitShards([]Spec{{"b", tensor.Float32, tensor.Shape{2}}, {"a", tensor.BFloat16, tensor.Shape{3}}}, 8)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "metadata": {
    "total_size": 14
  },
  "weight_map": {
    "a": "model-00001-of-00002.safetensors",
    "b": "model-00002-of-00002.safetensors"
  }
}
`
	got := EncodeIndex(shards)
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	x, err := ParseIndex(got)
	if err != nil || x.TotalSize != 14 || x.Shards["b"] != "model-00002-of-00002.safetensors" {
		t.Errorf("%+v, %v", x, err)
	}
}
