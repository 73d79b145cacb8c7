package msgpack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func read(b []byte) (*Value, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestValues(t *testing.T) {
	tests := []struct {
		hex  string
		want Value
	}{
		{"c0", Value{Kind: Nil}},
		{"c2", Value{Kind: Bool}}, {"c3", Value{Kind: Bool, Bool: true}},
		{"07", Value{Kind: Int, Int: 7}}, {"e0", Value{Kind: Int, Int: -32}}, {"ff", Value{Kind: Int, Int: -1}},
		{"cc ff", Value{Kind: Int, Int: 255}}, {"cd 0100", Value{Kind: Int, Int: 256}}, {"ce ffffffff", Value{Kind: Int, Int: 1<<32 - 1}},
		{"cf 7fffffffffffffff", Value{Kind: Int, Int: 1<<63 - 1}}, {"cf ffffffffffffffff", Value{Kind: Uint, Uint: 1<<64 - 1}},
		{"d0 80", Value{Kind: Int, Int: -128}}, {"d1 8000", Value{Kind: Int, Int: -32768}}, {"d2 80000000", Value{Kind: Int, Int: -1 << 31}}, {"d3 8000000000000000", Value{Kind: Int, Int: -1 << 63}},
		{"ca 3fc00000", Value{Kind: Float, Float: 1.5}}, {"cb 3ff8000000000000", Value{Kind: Float, Float: 1.5}},
		{"a3 616263", Value{Kind: Text, Text: "abc"}}, {"d9 01 61", Value{Kind: Text, Text: "a"}}, {"da 0001 61", Value{Kind: Text, Text: "a"}}, {"db 00000001 61", Value{Kind: Text, Text: "a"}},
		{"c4 02 0102", Value{Kind: Binary, Offset: 2, Length: 2}}, {"c5 0002 0102", Value{Kind: Binary, Offset: 3, Length: 2}}, {"c6 00000002 0102", Value{Kind: Binary, Offset: 5, Length: 2}},
		{"92 01 c0", Value{Kind: Array, Items: []Value{{Kind: Int, Int: 1}, {Kind: Nil}}}}, {"dc 0001 01", Value{Kind: Array, Items: []Value{{Kind: Int, Int: 1}}}}, {"dd 00000000", Value{Kind: Array}},
		{"81 a1 61 01", Value{Kind: Map, Keys: []string{"a"}, Items: []Value{{Kind: Int, Int: 1}}}}, {"de 0000", Value{Kind: Map}}, {"df 00000001 a1 61 c3", Value{Kind: Map, Keys: []string{"a"}, Items: []Value{{Kind: Bool, Bool: true}}}},
		{"c7 0f 01 93 91 02 a5 696e743332 c4 04 01020304", Value{Kind: Elements, DType: "int32", Shape: []int{2}, Offset: 14, Length: 4}},
		{"c7 0d 03 93 90 a4 626f6f6c c4 04 01020304", Value{Kind: Elements, DType: "bool", Shape: []int{}, Offset: 12, Length: 4}},
		{"c7 13 02 92 cb 3ff8000000000000 cb 4000000000000000", Value{Kind: Complex, Float: 1.5, Imag: 2}},
		{"c7 03 04 92 01 02", Value{Kind: Array, Tuple: true, Items: []Value{{Kind: Int, Int: 1}, {Kind: Int, Int: 2}}}},
		{"d6 04 93 01 02 03", Value{Kind: Array, Tuple: true, Items: []Value{{Kind: Int, Int: 1}, {Kind: Int, Int: 2}, {Kind: Int, Int: 3}}}},
	}
	for _, c := range tests {
		got, err := read(unhex(c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		if d := cmp.Diff(&c.want, got, cmpopts.IgnoreUnexported(Value{})); d != "" {
			t.Errorf("%s: %s", c.hex, d)
		}
		for n := range unhex(c.hex) {
			if _, err := read(unhex(c.hex)[:n]); err == nil {
				t.Errorf("%s: accepted when cut short at %d", c.hex, n)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for hex, text := range map[string]string{
		"":                              "wanted",
		"0101":                          "bytes after",
		"c1":                            "unknown type",
		"dd ffffffff":                   "array of 4294967295",
		"df ffffffff":                   "map of 4294967295",
		"db ffffffff":                   "wanted",
		"c6 ffffffff 00":                "wanted",
		"82 a1 61 01 a1 61 02":          "twice",
		"81 01 01":                      "key of a map",
		"a1 ff":                         "UTF-8",
		"c7 03 05 92 01 02":             "extension 5",
		"c7 04 04 92 01 02 03":          "too many",
		"c7 02 04 92 01 02":             "array of 2",
		"c7 ff 04 92 01 02":             "left",
		"d4 04 01":                      "does not hold an array",
		"c7 03 01 92 01 02":             "shape, dtype, bytes",
		"c7 07 01 93 91 ff a1 61c400":   "whole numbers",
		strings.Repeat("91", 70) + "01": "deep",
	} {
		if v, err := read(unhex(hex)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, error %v, wanted %q", hex, v, err, text)
		}
	}
}

// TestFar reads texts on both sides of the parser's buffer.
func TestFar(t *testing.T) {
	var b []byte
	b = append(b, unhex("dc 0bb8")...)
	for i := range 3000 {
		b = append(b, 0xd9, 100)
		b = append(b, fmt.Sprintf("%0100d", i)...)
	}
	v, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range v.Items {
		if item.Text != fmt.Sprintf("%0100d", i) {
			t.Fatalf("item %d is %q", i, item.Text)
		}
	}
}

// FuzzRead: places of elements lie inside the file.
func FuzzRead(f *testing.F) {
	f.Add(unhex("81 a1 61 c7 0f 01 93 91 02 a5 696e743332 c4 04 01020304"))
	f.Add(unhex("92 c7 03 04 92 01 02 cb 3ff8000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := read(b)
		if err == nil {
			inside(t, v, int64(len(b)))
		}
	})
}

func inside(t *testing.T, v *Value, size int64) {
	if v.Offset < 0 || v.Length < 0 || v.Offset+v.Length > size {
		t.Errorf("value at %d, %d bytes", v.Offset, v.Length)
	}
	for i := range v.Items {
		inside(t, &v.Items[i], size)
	}
}
