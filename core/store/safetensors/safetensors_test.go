package safetensors

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// The layout, byte by byte: element size first, then names; the header ends at
// a multiple of 64.
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
	if n := binary.LittleEndian.Uint64(l.Header); n != uint64(len(l.Header)-8) || len(l.Header)%64 != 0 {
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
		{"metadata", []Spec{{"__metadata__", tensor.Float32, nil}}, `tensor "__metadata__": this name is not allowed`},
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
	{"trailing text", `{}x`, 0, "follows the JSON"},
	{"trailing tab", "{}\t", 0, "follows the JSON"},
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
	{"half a surrogate pair", `{"\ud800":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "half a surrogate pair"},
	{"half a pair, low", `{"a\\\udc00":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "half a surrogate pair"},
	{"two high halves", `{"\ud800\ud800":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "half a surrogate pair"},
	{"the same name, escaped", `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}`, 2, `key "a" stands twice`},
	{"control character", `{"a\n":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `tensor "a\n": its name holds control characters`},
	{"no name", `{"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "not allowed"},
	{"long name", `{"` + strings.Repeat("x", 1025) + `":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "its name has 1025 bytes"},
	{"a type of later versions", `{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1, `element type "F4": not supported`},
	{"type in lower case", `{"a":{"dtype":"u8","shape":[],"data_offsets":[0,1]}}`, 1, `unknown safetensors element type "u8"`},
	{"dtype null", `{"a":{"dtype":null,"shape":[],"data_offsets":[0,1]}}`, 1, "dtype is not a string"},
	{"minus nought", `{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}`, 0, "wanted an integer"},
	{"33 axes", `{"a":{"dtype":"U8","shape":[` + strings.Repeat("1,", 32) + `1],"data_offsets":[0,1]}}`, 1, "more than 32 integers"},
	{"offset beyond 62 bits", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775807,9223372036854775808]}}`, 1, "at most 62 bits"},
	{"more bytes than elements", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,2]}}`, 2, `tensor "a": 2 bytes between its offsets, uint8 [1] needs 1`},
	{"hole at the start", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2, `tensor "a" begins at 1, wanted 0`},
	{"the same bytes twice", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, `tensor "b" begins at 0, wanted 1`},
	{"an empty tensor in a hole", `{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, 0, `tensor "a" begins at 1, wanted 0`},
	{"comma at the end", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}`, 1, "JSON"},
	{"no colon", `{"a" {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, "JSON"},
	{"two documents", `{}{}`, 0, "follows the JSON"},
	{"metadata null", `{"__metadata__":null}`, 0, `wanted "{"`},
	{"metadata key twice", `{"__metadata__":{"a":"1","a":"2"}}`, 0, `key "a" stands twice`},
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

func layout(t *testing.T, specs ...Spec) *Layout {
	t.Helper()
	l, err := Plan(specs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(xIn1yIn2))
	f.Add([]byte(`{"weight_map":{}}`))
	f.Fuzz(func(t *testing.T, js []byte) {
		x, err := ParseIndex(js)
		if err != nil {
			return
		}
		for name, file := range x.Shards {
			if checkName(name) != nil || store.CheckName(file) != nil || strings.Contains(file, "/") {
				t.Fatalf("accepted %q in %q", name, file)
			}
		}
	})
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
		l, err := Plan(specs, nil)
		if err != nil {
			t.Fatalf("accepted, and cannot be written: %v", err)
		}
		if l.Size != int64(len(l.Header))+data {
			t.Fatalf("written again, it has %d bytes of data", l.Size-int64(len(l.Header)))
		}
		again, _, err := ParseHeader(l.Header[8:], data)
		if err != nil || len(again) != len(ps) {
			t.Fatalf("written and read again: %d tensors of %d, %v", len(again), len(ps), err)
		}
	})
}
