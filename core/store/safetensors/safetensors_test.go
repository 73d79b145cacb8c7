package safetensors

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// The layout, byte by byte: element size first, then names; the header ends at
// a multiple of 8.
func TestPlanBytes(t *testing.T) {
	l, err := Plan([]Spec{
		{"b", tensor.BFloat16, tensor.Shape{3}},
		{"z", tensor.Float32, tensor.Shape{}},
		{"a", tensor.Float32, tensor.Shape{2, 1}},
		{"e", tensor.Float32, tensor.Shape{0, 4}},
		{"i", tensor.Int64, tensor.Shape{1}},
	}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"__metadata__":{"format":"pt"},` +
		`"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},` +
		`"a":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},` +
		`"e":{"dtype":"F32","shape":[0,4],"data_offsets":[16,16]},` +
		`"z":{"dtype":"F32","shape":[],"data_offsets":[16,20]},` +
		`"b":{"dtype":"BF16","shape":[3],"data_offsets":[20,26]}}`
	if d := cmp.Diff(want, strings.TrimRight(string(l.Header[8:]), " ")); d != "" {
		t.Error(d)
	}
	if n := binary.LittleEndian.Uint64(l.Header); n != uint64(len(l.Header)-8) || len(l.Header)%8 != 0 {
		t.Errorf("prefix %d, header %d bytes", n, len(l.Header))
	}
	if l.Size != int64(len(l.Header))+26 {
		t.Errorf("size %d", l.Size)
	}
	if off, ok := l.Offset("z"); !ok || off != int64(len(l.Header))+16 {
		t.Errorf("offset of z is %d", off)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		specs []Spec
		want  string
	}{
		{"twice", []Spec{{"a", tensor.Float32, nil}, {"a", tensor.Float32, nil}}, `tensor "a" stands twice`},
		{"metadata", []Spec{{"__metadata__", tensor.Float32, nil}}, `tensor name "__metadata__" is not allowed`},
		{"type", []Spec{{"a", tensor.Complex128, nil}}, `tensor "a": safetensors cannot hold complex128`},
		{"size", []Spec{{"a", tensor.Float32, tensor.Shape{1 << 40, 1 << 40}}}, `tensor "a": shape [1099511627776, 1099511627776] of float32 needs more than 1099511627776 bytes`},
	} {
		if _, err := Plan(c.specs, nil); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, wanted %s", c.name, err, c.want)
		}
	}
}

// Each header breaks one rule of the reference.
var badHeaders = []struct {
	name, js string
	data     int64
	want     string
}{
	{"empty", ``, 0, "does not begin with '{'"},
	{"space first", ` {}`, 0, "does not begin with '{'"},
	{"not JSON", `{"a":`, 0, "ends too early"},
	{"not UTF-8", "{\"\xff\":1}", 0, "not valid UTF-8"},
	{"trailing text", `{}x`, 0, "follows the header's JSON"},
	{"trailing tab", "{}\t", 0, "follows the header's JSON"},
	{"duplicate name", `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `key "a" stands twice`},
	{"duplicate field", `{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `key "dtype" stands twice`},
	{"case of a field", `{"a":{"DType":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `unknown field "DType"`},
	{"unknown field", `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}`, 1, `unknown field "x"`},
	{"no shape", `{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1, "are required"},
	{"unknown type", `{"a":{"dtype":"X9","shape":[],"data_offsets":[0,1]}}`, 1, `unknown safetensors element type "X9"`},
	{"float dim", `{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1, "wanted an integer"},
	{"exponent", `{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1, "wanted an integer"},
	{"negative dim", `{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1, "wanted an integer"},
	{"huge dims", `{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "needs more than"},
	{"three offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1, "more than 2 integers"},
	{"one offset", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1]}}`, 1, "are required"},
	{"reversed offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1, "bytes between its offsets"},
	{"size mismatch", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}`, 2, "2 bytes between its offsets"},
	{"hole", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3, `tensor "b" begins at 2, wanted 1`},
	{"overlap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3, `tensor "b" begins at 1, wanted 2`},
	{"data behind", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2, "the file has 2 after the header"},
	{"data missing", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 0, "the file has 0 after the header"},
	{"metadata number", `{"__metadata__":{"a":1}}`, 0, "is not a string"},
	{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, `key "__metadata__" stands twice`},
	{"list", `{"a":[]}`, 0, `wanted "{"`},
}

func TestHeaderRefuses(t *testing.T) {
	for _, c := range badHeaders {
		_, _, err := ParseHeader([]byte(c.js), c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wanted %q", c.name, err, c.want)
		}
	}
}

func TestHeaderAccepts(t *testing.T) {
	js := `{"b":{"shape":[2],"data_offsets":[4,6],"dtype":"U8"},"__metadata__":{"x":"y"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   `
	ps, meta, err := ParseHeader([]byte(js), 6)
	if err != nil {
		t.Fatal(err)
	}
	want := []Place{{Spec{"a", tensor.Float32, tensor.Shape{}}, 0, 4}, {Spec{"b", tensor.Uint8, tensor.Shape{2}}, 4, 2}}
	if d := cmp.Diff(want, ps); d != "" {
		t.Error(d)
	}
	if meta["x"] != "y" {
		t.Errorf("metadata %v", meta)
	}
}

func write(t *testing.T, name string, l *Layout, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, append(append([]byte{}, l.Header...), data...), 0o644); err != nil {
		t.Fatal(err)
	}
}

func layout(t *testing.T, specs ...Spec) *Layout {
	t.Helper()
	l, err := Plan(specs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "m-1.safetensors"), layout(t, Spec{"x", tensor.Uint8, tensor.Shape{2}}), []byte{1, 2})
	write(t, filepath.Join(dir, "m-2.safetensors"), layout(t, Spec{"y", tensor.Uint8, tensor.Shape{3}}), []byte{3, 4, 5})
	index := filepath.Join(dir, "m.safetensors.index.json")
	put := func(m map[string]string) {
		b, _ := json.Marshal(map[string]any{"weight_map": m})
		if err := os.WriteFile(index, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string]string{"x": "m-1.safetensors", "y": "m-2.safetensors"})
	d, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Tree(".")
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Chunks("y")
	if err != nil || len(c) != 1 {
		t.Fatal(c, err)
	}
	s, err := r.Open(context.Background(), "y", c[0])
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(s); err != nil || string(b) != "\x03\x04\x05" {
		t.Errorf("%v, %v", b, err)
	}
	if err := r.Recheck(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "m-2.safetensors"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Recheck(); !errors.Is(err, store.ErrChanged) {
		t.Errorf("after a change: %v", err)
	}
	d.Close()
	write(t, filepath.Join(dir, "m-2.safetensors"), layout(t, Spec{"y", tensor.Uint8, tensor.Shape{3}}), []byte{3, 4, 5})
	for name, m := range map[string]map[string]string{
		"a shard that is not indexed": {"x": "m-1.safetensors"},
		"a tensor that is nowhere":    {"x": "m-1.safetensors", "y": "m-2.safetensors", "z": "m-2.safetensors"},
		"a tensor in another shard":   {"x": "m-2.safetensors", "y": "m-1.safetensors"},
		"a path":                      {"x": "../m-1.safetensors", "y": "m-2.safetensors"},
		"no such shard":               {"x": "m-1.safetensors", "y": "m-3.safetensors"},
	} {
		put(m)
		if d, err := Open(context.Background(), dir); err == nil {
			t.Errorf("%s was accepted", name)
			d.Close()
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, c := range badHeaders {
		f.Add([]byte(c.js), c.data)
	}
	f.Add([]byte(`{"b":{"shape":[2],"data_offsets":[4,6],"dtype":"U8"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`), int64(6))
	f.Fuzz(func(t *testing.T, js []byte, data int64) {
		ps, _, err := ParseHeader(js, data)
		if err != nil {
			return
		}
		var n int64
		var specs []Spec
		for _, p := range ps {
			n += p.Bytes
			specs = append(specs, p.Spec)
		}
		if n != data {
			t.Fatalf("accepted %d bytes of tensors in %d bytes of data", n, data)
		}
		if l, err := Plan(specs, nil); err == nil && l.Size != int64(len(l.Header))+data {
			t.Fatalf("written again, it has %d bytes of data", l.Size-int64(len(l.Header)))
		}
	})
}
