package zarr

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

const window = 128 << 20

// v2 makes a .zarray of a good one, with members changed.
func v2(change ...string) string {
	doc := `{"chunks":[3,4],"compressor":null,"dimension_separator":".","dtype":"<f4","fill_value":null,"filters":null,"order":"C","shape":[7,10],"zarr_format":2}`
	return swapAll(doc, change)
}

// v3 makes a zarr.json of a good one, with parts of it changed.
func v3(change ...string) string {
	doc := `{"chunk_grid":{"configuration":{"chunk_shape":[4,6]},"name":"regular"},"chunk_key_encoding":{"name":"default"},"codecs":[{"configuration":{"chunk_shape":[2,3],"codecs":[{"configuration":{"endian":"little"},"name":"bytes"}],"index_codecs":[{"configuration":{"endian":"little"},"name":"bytes"},{"name":"crc32c"}]},"name":"sharding_indexed"}],"data_type":"float32","fill_value":0.0,"node_type":"array","shape":[8,12],"zarr_format":3}`
	return swapAll(doc, change)
}

func swapAll(doc string, change []string) string {
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(doc, change[i]) {
			panic("no " + change[i])
		}
		doc = strings.Replace(doc, change[i], change[i+1], 1)
	}
	return doc
}

func TestV2Refused(t *testing.T) {
	if _, err := ParseV2([]byte(v2())); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change []string
		want   error
	}{
		{"format", []string{`"zarr_format":2`, `"zarr_format":3`}, store.ErrCorrupt},
		{"no format", []string{`,"zarr_format":2`, ``}, store.ErrCorrupt},
		{"no shape", []string{`"shape":[7,10],`, ``}, store.ErrCorrupt},
		{"no order", []string{`"order":"C",`, ``}, store.ErrCorrupt},
		{"no compressor", []string{`"compressor":null,`, ``}, store.ErrCorrupt},
		{"rank of chunks", []string{`[3,4]`, `[3]`}, store.ErrCorrupt},
		{"chunk 0", []string{`[3,4]`, `[3,0]`}, store.ErrCorrupt},
		{"chunk -1", []string{`[3,4]`, `[3,-1]`}, store.ErrCorrupt},
		{"chunk of 2^44 bytes", []string{`[3,4]`, `[1048576,4194304]`}, store.ErrCorrupt},
		{"chunk whose size overflows", []string{`[3,4]`, `[281474976710656,281474976710656]`}, store.ErrCorrupt},
		{"chunk far larger than the array", []string{`[3,4]`, `[131072,131072]`}, store.ErrUnsupported},
		{"shape -1", []string{`[7,10]`, `[-7,10]`}, store.ErrCorrupt},
		{"shape of 2^48 bytes", []string{`[7,10]`, `[1099511627776,64]`}, store.ErrCorrupt},
		{"shape that is no whole number", []string{`[7,10]`, `[7.5,10]`}, store.ErrCorrupt},
		{"33 axes", []string{`[7,10]`, "[1" + strings.Repeat(",1", 32) + "]", `[3,4]`, "[1" + strings.Repeat(",1", 32) + "]"}, store.ErrCorrupt},
		{"dtype", []string{`"<f4"`, `"<f3"`}, store.ErrUnsupported},
		{"dtype without byte order", []string{`"<f4"`, `"f4"`}, store.ErrUnsupported},
		{"dtype | of 4 bytes", []string{`"<f4"`, `"|f4"`}, store.ErrUnsupported},
		{"structured dtype", []string{`"<f4"`, `[["a","<f4"]]`}, store.ErrUnsupported},
		{"string dtype", []string{`"<f4"`, `"|S4"`}, store.ErrUnsupported},
		{"order", []string{`"order":"C"`, `"order":"A"`}, store.ErrCorrupt},
		{"separator", []string{`"dimension_separator":"."`, `"dimension_separator":"-"`}, store.ErrCorrupt},
		{"filters", []string{`"filters":null`, `"filters":[{"id":"delta"}]`}, store.ErrUnsupported},
		{"compressor", []string{`"compressor":null`, `"compressor":{"id":"lzma"}`}, store.ErrUnsupported},
		{"compressor crc32c", []string{`"compressor":null`, `"compressor":{"id":"crc32c"}`}, store.ErrUnsupported},
		{"fill value", []string{`"fill_value":null`, `"fill_value":"x"`}, store.ErrCorrupt},
		{"twice", []string{`{"chunks"`, `{"shape":[7,10],"chunks"`}, store.ErrCorrupt},
		{"bytes after", []string{`"zarr_format":2}`, `"zarr_format":2} x`}, store.ErrCorrupt},
		{"F order in memory", []string{`"order":"C"`, `"order":"F"`, `[3,4]`, `[8192,8193]`, `[7,10]`, `[8192,8193]`}, store.ErrUnsupported},
	}
	for _, c := range tests {
		if _, err := ParseV2([]byte(v2(c.change...))); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, wanted %v", c.name, err, c.want)
		}
	}
}

func TestV3Refused(t *testing.T) {
	if _, err := ParseV3([]byte(v3())); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change []string
		want   error
	}{
		{"format", []string{`"zarr_format":3`, `"zarr_format":2`}, store.ErrCorrupt},
		{"node type", []string{`"array"`, `"group"`}, store.ErrCorrupt},
		{"no fill value", []string{`"fill_value":0.0,`, ``}, store.ErrCorrupt},
		{"fill value null", []string{`"fill_value":0.0`, `"fill_value":null`}, store.ErrCorrupt},
		{"fill value of other bits", []string{`"fill_value":0.0`, `"fill_value":"0x7fc0"`}, store.ErrCorrupt},
		{"data type", []string{`"float32"`, `"float8_e4m3"`}, store.ErrUnsupported},
		{"raw bits", []string{`"float32"`, `"r32"`}, store.ErrUnsupported},
		{"data type object", []string{`"float32"`, `{"name":"struct"}`}, store.ErrUnsupported},
		{"grid", []string{`"regular"`, `"rectilinear"`}, store.ErrUnsupported},
		{"grid without shape", []string{`"chunk_shape":[4,6]`, ``}, store.ErrCorrupt},
		{"rank of chunks", []string{`[4,6]`, `[4]`}, store.ErrCorrupt},
		{"chunk 0", []string{`[4,6]`, `[0,6]`}, store.ErrCorrupt},
		{"inner chunk 0", []string{`[2,3]`, `[0,3]`}, store.ErrCorrupt},
		{"inner chunk that does not divide", []string{`[2,3]`, `[3,3]`}, store.ErrCorrupt},
		{"rank of inner chunks", []string{`[2,3]`, `[2]`}, store.ErrCorrupt},
		{"shard of 2^22 chunks", []string{`[4,6]`, `[2048,2048]`, `[2,3]`, `[1,1]`}, store.ErrUnsupported},
		{"index codecs", []string{`{"name":"crc32c"}`, `{"name":"gzip"}`}, store.ErrUnsupported},
		{"no index codecs", []string{`[{"configuration":{"endian":"little"},"name":"bytes"},{"name":"crc32c"}]`, `[]`}, store.ErrUnsupported},
		{"codec behind shards", []string{`"name":"sharding_indexed"}`, `"name":"sharding_indexed"},{"name":"gzip"}`}, store.ErrUnsupported},
		{"no codecs", []string{`[{"configuration":{"endian":"little"},"name":"bytes"}],`, `[],`}, store.ErrCorrupt},
		{"unknown codec", []string{`"endian":"little"},"name":"bytes"}]`, `"endian":"little"},"name":"bytes"},{"name":"delta"}]`}, store.ErrUnsupported},
		{"bytes without byte order", []string{`{"configuration":{"endian":"little"},"name":"bytes"}],`, `{"name":"bytes"}],`}, store.ErrCorrupt},
		{"codec as a word", []string{`{"name":"crc32c"}`, `"crc32c"`}, store.ErrCorrupt},
		{"unknown member", []string{`"zarr_format":3`, `"zarr_format":3,"x":{}`}, store.ErrUnsupported},
		{"member that need not be understood", []string{`"zarr_format":3`, `"zarr_format":3,"x":{"must_understand":false}`}, nil},
		{"storage transformers", []string{`"zarr_format":3`, `"zarr_format":3,"storage_transformers":[{}]`}, store.ErrUnsupported},
		{"key encoding", []string{`{"name":"default"}`, `{"name":"v4"}`}, store.ErrUnsupported},
		{"transpose of another rank", []string{`"codecs":[{"configuration":{"chunk_shape"`, `"codecs":[{"name":"transpose","configuration":{"order":[0]}},{"configuration":{"chunk_shape"`}, store.ErrCorrupt},
		{"transpose that is none", []string{`"codecs":[{"configuration":{"chunk_shape"`, `"codecs":[{"name":"transpose","configuration":{"order":[1,1]}},{"configuration":{"chunk_shape"`}, store.ErrCorrupt},
	}
	for _, c := range tests {
		if _, err := ParseV3([]byte(v3(c.change...))); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, wanted %v", c.name, err, c.want)
		}
	}
	// Shards within shards, without end.
	doc := v3()
	for range 12 {
		doc = strings.Replace(doc, `[{"configuration":{"endian":"little"},"name":"bytes"}],"index`,
			`[{"configuration":{"chunk_shape":[2,3],"codecs":[{"configuration":{"endian":"little"},"name":"bytes"}],"index_codecs":[{"configuration":{"endian":"little"},"name":"bytes"}]},"name":"sharding_indexed"}],"index`, 1)
	}
	if _, err := ParseV3([]byte(doc)); err == nil {
		t.Error("shards nested 12 deep: accepted")
	}
}

func TestKeys(t *testing.T) {
	tests := []struct {
		doc   string
		index []int
		key   string
		not   []string
	}{
		{v2(), []int{1, 2}, "1.2", []string{"1", "1/2", "1.2.0", "01.2", "+1.2", "1.-2", "", ".zarray", "c.1.2", "1.9223372036854775808"}},
		{v2(`"dimension_separator":"."`, `"dimension_separator":"/"`), []int{1, 2}, "1/2", []string{"1.2"}},
		{v2(`"shape":[7,10]`, `"shape":[]`, `[3,4]`, `[]`), []int{}, "0", []string{"", "1", "c"}},
		{v3(), []int{1, 0}, "c/1/0", []string{"1/0", "c.1.0", "c/1"}},
		{v3(`{"name":"default"}`, `{"name":"default","configuration":{"separator":"."}}`), []int{1, 0}, "c.1.0", []string{"c/1/0"}},
		{v3(`{"name":"default"}`, `{"name":"v2"}`), []int{1, 0}, "1.0", []string{"c/1/0"}},
		{v3(`[8,12]`, `[]`, `[4,6]`, `[]`, `[2,3]`, `[]`), []int{}, "c", []string{"0", ""}},
	}
	for _, c := range tests {
		a, err := ParseV2([]byte(c.doc))
		if strings.Contains(c.doc, `"zarr_format":3`) {
			a, err = ParseV3([]byte(c.doc))
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Key(c.index); got != c.key {
			t.Errorf("key of %v is %q, wanted %q", c.index, got, c.key)
		}
		if got, ok := a.ParseKey(c.key); !ok || !slices.Equal(got, c.index) {
			t.Errorf("index of %q is %v", c.key, got)
		}
		for _, key := range c.not {
			if got, ok := a.ParseKey(key); ok {
				t.Errorf("%q is taken for the key of %v", key, got)
			}
		}
	}
}

func TestGrid(t *testing.T) {
	a, err := ParseV2([]byte(v2()))
	if err != nil {
		t.Fatal(err)
	}
	if g := a.Grid(); !slices.Equal(g, []int{3, 3}) || a.Chunks() != 9 || !a.InGrid([]int{2, 2}) || a.InGrid([]int{3, 0}) {
		t.Errorf("grid %v, %d chunks", g, a.Chunks())
	}
	empty, err := ParseV2([]byte(v2(`[7,10]`, `[0,4]`)))
	if err != nil || empty.Chunks() != 0 {
		t.Errorf("%d chunks of nothing, %v", empty.Chunks(), err)
	}
}

func TestFill(t *testing.T) {
	tests := []struct {
		dtype  tensor.DType
		format int
		text   string
		want   string // bytes, little-endian; "" is an error
	}{
		{tensor.Float32, 2, `null`, "00000000"}, {tensor.Complex128, 2, `null`, strings.Repeat("00", 16)},
		{tensor.Float32, 2, `1.5`, "0000c03f"}, {tensor.Float32, 2, `"NaN"`, "0000c07f"}, {tensor.Float32, 2, `NaN`, "0000c07f"},
		{tensor.Float32, 3, `"-Infinity"`, "000080ff"}, {tensor.Float64, 3, `"Infinity"`, "000000000000f07f"}, {tensor.Float32, 2, `"2.5"`, "00002040"}, {tensor.Float32, 3, `"2.5"`, ""},
		{tensor.Float32, 3, `"0x7fc00001"`, "0100c07f"}, {tensor.BFloat16, 3, `"0x7fc1"`, "c17f"}, {tensor.Float8E4M3FN, 3, `"0x7f"`, "7f"}, {tensor.Float32, 2, `"0x7fc00001"`, ""},
		{tensor.Bool, 2, `true`, "01"}, {tensor.Bool, 3, `false`, "00"}, {tensor.Bool, 2, `1`, "01"}, {tensor.Bool, 2, `2`, ""},
		{tensor.Int8, 2, `-128`, "80"}, {tensor.Int8, 2, `128`, ""}, {tensor.Uint8, 2, `255`, "ff"}, {tensor.Uint8, 2, `-1`, ""}, {tensor.Int32, 3, `-2`, "feffffff"},
		{tensor.Int64, 2, `9223372036854775807`, "ffffffffffffff7f"}, {tensor.Uint64, 2, `18446744073709551615`, "ffffffffffffffff"}, {tensor.Int32, 2, `1.5`, ""},
		{tensor.Int4, 2, `-8`, "08"}, {tensor.Int4, 2, `8`, ""},
		{tensor.Complex64, 2, `[1,-1]`, "0000803f000080bf"}, {tensor.Complex64, 2, `[1]`, ""}, {tensor.Complex64, 3, `["NaN",0]`, "0000c07f00000000"},
		{tensor.Float16, 2, `1`, "003c"}, {tensor.Float16, 2, `65504`, "ff7b"}, {tensor.Float16, 2, `65520`, "007c"}, {tensor.Float16, 2, `6e-8`, "0100"}, {tensor.Float16, 2, `6.103515625e-05`, "0004"},
		{tensor.Float16, 2, `"NaN"`, "007e"}, {tensor.BFloat16, 2, `-1.00390625`, "80bf"}, {tensor.BFloat16, 2, `1.01171875`, "823f"}, {tensor.BFloat16, 2, `1e39`, "807f"}, {tensor.BFloat16, 2, `-0.0`, "0080"},
		{tensor.Float4E2M1FN, 2, `"Bg=="`, "06"}, {tensor.Float4E2M1FN, 3, `1.0`, "02"}, {tensor.Float4E2M1FN, 3, `"NaN"`, ""},
		// What TensorStore 0.1.86 reads of these, bit by bit.
		{tensor.Float64, 2, `"NaN"`, "000000000000f87f"}, {tensor.Complex128, 3, `["NaN",1.0]`, "000000000000f87f000000000000f03f"},
		{tensor.Float8E5M2, 2, `0`, "00"}, {tensor.Float8E5M2, 2, `1`, "3c"}, {tensor.Float8E5M2, 3, `0.09375`, "2e"}, {tensor.Float8E5M2, 3, `0.1`, ""},
		{tensor.Float8E8M0FNU, 2, `0`, "00"}, {tensor.Float8E8M0FNU, 2, `1.0`, ""}, {tensor.Float8E4M3FN, 2, `-0.0`, "80"}, {tensor.Float8E4M3FNUZ, 3, `1.0`, "40"},
		{tensor.Float8E3M4, 2, `"NaN"`, "78"}, {tensor.Float8E4M3FN, 2, `"NaN"`, "7f"}, {tensor.Float8E4M3FNUZ, 2, `"NaN"`, "80"}, {tensor.Float8E4M3B11FNUZ, 3, `"NaN"`, "80"},
		{tensor.Float8E5M2, 3, `"NaN"`, "7e"}, {tensor.Float8E5M2FNUZ, 3, `"NaN"`, "80"}, {tensor.Float8E8M0FNU, 3, `"NaN"`, "ff"},
		{tensor.Int32, 2, `0.0`, "00000000"}, {tensor.Int32, 2, `1e3`, "e8030000"}, {tensor.Int32, 2, `-5.0`, "fbffffff"}, {tensor.Uint8, 2, `256.0`, ""}, {tensor.Int64, 2, `1e300`, ""},
	}
	for _, c := range tests {
		var got []byte
		err := strictjson.Read([]byte(c.text), strictjson.Limits{}, func(j *strictjson.Decoder) (err error) {
			got, err = readFill(j, c.dtype, c.format)
			return err
		})
		if (err == nil) != (c.want != "") || err == nil && hex.EncodeToString(got) != c.want {
			t.Errorf("%v fill %s: %x, %v, wanted %q", c.dtype, c.text, got, err, c.want)
		}
	}
}

// blob makes a Blob of bytes.
func blob(b []byte) Blob { return bytes.NewReader(b) }

// readLeaf reads a leaf as its array says.
func readLeaf(a *Array, region tensor.Region, b []byte) ([]byte, error) {
	r, err := a.Open(region, blob(b), window)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(iotest.OneByteReader(r))
	return out, errors.Join(err, r.Close())
}

// TestClip compares clipped streams with what a loop over elements picks, for
// random shapes, orders and byte orders.
func TestClip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		rank := 1 + r.IntN(4)
		size := []int{1, 2, 4, 8}[r.IntN(4)]
		full, part := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for i := range full {
			full[i] = 1 + r.IntN(5)
			part[i] = 1 + r.IntN(full[i])
		}
		a := &Array{DType: map[int]tensor.DType{1: tensor.Uint8, 2: tensor.Uint16, 4: tensor.Float32, 8: tensor.Int64}[size], Shape: part, Chunk: full, Leaf: full,
			order: r.Perm(rank), big: r.IntN(2) == 0}
		stored := make([]byte, full.Elements()*size)
		for i := range stored {
			stored[i] = byte(r.Uint32())
		}
		storedStride := make([]int, rank)
		n := 1
		for i := rank - 1; i >= 0; i-- {
			storedStride[a.order[i]] = n
			n *= full[a.order[i]]
		}
		var want []byte
		at := make([]int, rank)
		for range part.Elements() {
			o := 0
			for k := range at {
				o += at[k] * storedStride[k]
			}
			e := slices.Clone(stored[o*size : (o+1)*size])
			if a.big {
				slices.Reverse(e)
			}
			want = append(want, e...)
			step(at, part)
		}
		got, err := readLeaf(a, tensor.Whole(part), stored)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("full %v, part %v, order %v, big %v: other values, %v", full, part, a.order, a.big, err)
		}
		for _, wrong := range [][]byte{stored[:len(stored)-1], append(slices.Clone(stored), 0), nil} {
			if _, err := readLeaf(a, tensor.Whole(part), wrong); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%d bytes in place of %d: error %v", len(wrong), len(stored), err)
			}
		}
	}
}

func frame(t testing.TB, data []byte, o ...zstd.EOption) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true)}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(data, nil)
}

// line is an array of n bytes in one chunk, with the given codecs.
func line(n int, codecs ...codec) *Array {
	s := tensor.Shape{n}
	return &Array{DType: tensor.Uint8, Shape: s, Chunk: s, Leaf: s, order: []int{0}, codecs: codecs}
}

// TestFrames: a chunk is exactly one zstd frame of exactly the chunk's bytes.
func TestFrames(t *testing.T) {
	data := bytes.Repeat([]byte("loraconv "), 40000)
	a := line(len(data), codecZstd)
	good := frame(t, data)
	var streamed bytes.Buffer // without content size, and with an empty last block
	e, err := zstd.NewWriter(&streamed, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(512<<10), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(data, 100000) {
		if _, err := e.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	checked := frame(t, data, zstd.WithEncoderCRC(true))
	empty := slices.Concat(rawFrame(data[:1000], false), nil)
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9}, good...)
	wrongSum := slices.Clone(checked)
	wrongSum[len(wrongSum)-1] ^= 1
	tests := []struct {
		name  string
		array *Array
		bytes []byte
		text  string // of the error; "" is none
	}{
		{"one frame", a, good, ""},
		{"streamed", a, streamed.Bytes(), ""},
		{"with a checksum", a, checked, ""},
		{"raw blocks, the last empty", line(1000, codecZstd), empty, ""},
		{"wrong checksum", a, wrongSum, "damaged"},
		{"no bytes", a, nil, "no bytes"},
		{"half a header", a, good[:3], "header"},
		{"cut short", a, good[:len(good)-1], "cut short"},
		{"without its last block", line(1000, codecZstd), empty[:len(empty)-3], "cut short"},
		{"a byte too many", a, append(slices.Clone(good), 0), "bytes after"},
		{"two frames", line(2*len(data), codecZstd), append(slices.Clone(streamed.Bytes()), good...), "bytes after"},
		{"a second, empty frame", a, append(slices.Clone(good), frame(t, nil)...), "bytes after"},
		{"a skippable frame before", a, skippable, "skippable"},
		{"a skippable frame behind", a, append(slices.Clone(good), skippable[:9]...), "bytes after"},
		{"announces more", line(len(data)-1, codecZstd), good, "the chunk has"},
		{"decodes to more", line(len(data)-1, codecZstd), streamed.Bytes(), "more than"},
		{"decodes to fewer", line(len(data)+1, codecZstd), streamed.Bytes(), "decodes to 360000 bytes"},
		{"reserved block type", line(1000, codecZstd), rawFrame(data[:1000], true), "reserved"},
		{"not a frame", a, data[:500], "header"},
	}
	for _, c := range tests {
		got, err := readLeaf(c.array, tensor.Whole(c.array.Shape), c.bytes)
		if c.text == "" {
			if err != nil || !bytes.Equal(got, data[:len(got)]) || len(got) != c.array.Shape[0] {
				t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
			}
		} else if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, wanted %q", c.name, err, c.text)
		}
	}
}

// rawFrame stores data in a frame as TensorStore 0.1.74 does: no content size,
// a window of 512 KiB, and an empty raw block at the end.
func rawFrame(data []byte, reserved bool) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 9 << 3}
	n := len(data) << 3
	if reserved {
		n |= 3 << 1
	}
	b = append(b, byte(n), byte(n>>8), byte(n>>16))
	b = append(b, data...)
	return append(b, 1, 0, 0)
}

// TestWindow: a window is refused by what the frame announces, not by what it
// uses.
func TestWindow(t *testing.T) {
	data := make([]byte, 4<<20)
	a := line(len(data), codecZstd)
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if need, err := a.Need(blob(b.Bytes()), 1<<20); err != nil || need < 1<<20 || need > 4<<20 {
		t.Errorf("needs %d, %v", need, err)
	}
	if _, err := a.Need(blob(b.Bytes()), 1<<19); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("error %v", err)
	}
	if _, err := a.Open(tensor.Whole(a.Shape), blob(b.Bytes()), 1<<19); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestPadding: what a chunk holds beyond the shape is the fill value, or part of
// an array that was larger.
func TestPadding(t *testing.T) {
	for _, order := range []string{"C", "F"} {
		a, err := ParseV2([]byte(v2(`"order":"C"`, `"order":"`+order+`"`, `[7,10]`, `[2,3]`, `"<f4"`, `">f4"`, `"fill_value":null`, `"fill_value":1.5`)))
		if err != nil {
			t.Fatal(err)
		}
		fill := []byte{0x3f, 0xc0, 0, 0}
		chunk := bytes.Repeat(fill, 12)
		region := tensor.Whole(a.Shape)
		for row := range 3 {
			for column := range 4 {
				at := 4 * (4*row + column)
				if order == "F" {
					at = 4 * (row + 3*column)
				}
				chunk[at+3] = 1
				got, err := readLeaf(a, region, chunk)
				chunk[at+3] = 0
				if inside := row < 2 && column < 3; inside != (err == nil) || !inside && !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("order %s, element [%d %d]: %d bytes, %v", order, row, column, len(got), err)
				}
			}
		}
	}
}

// TestShardBeyond: a chunk of a shard that lies wholly beyond the shape.
func TestShardBeyond(t *testing.T) {
	const none = math.MaxUint64
	a, err := ParseV3([]byte(v3(`"shape":[8,12]`, `"shape":[6,12]`)))
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := a.Leaves([]int{1, 0}, blob(shardOf([]uint64{0, 24, 24, 24, none, none, none, none}, true)))
	if err != nil || len(leaves) != 2 {
		t.Errorf("%d leaves, %v", len(leaves), err)
	}
	if _, err := a.Leaves([]int{1, 0}, blob(shardOf([]uint64{0, 24, 24, 24, 48, 24, none, none}, true))); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a chunk beyond the shape: %v", err)
	}
}

// bloscStored makes a blosc container that holds data as it is.
func bloscStored(data []byte) []byte {
	b := []byte{2, 1, 2, 1}
	for _, n := range []int{len(data), len(data), len(data) + 16} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return append(b, data...)
}

// TestChains undoes several codecs in a row, and notices damage in each.
func TestChains(t *testing.T) {
	data := bytes.Repeat([]byte("abcdefgh"), 5000)
	sum := func(b []byte) []byte {
		return binary.LittleEndian.AppendUint32(slices.Clone(b), crc32.Checksum(b, castagnoli))
	}
	gz := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	tests := []struct {
		name   string
		codecs []codec
		bytes  []byte
	}{
		{"crc32c", []codec{codecCRC32C}, sum(data)},
		{"zstd, crc32c", []codec{codecZstd, codecCRC32C}, sum(frame(t, data))},
		{"crc32c, zstd", []codec{codecCRC32C, codecZstd}, frame(t, sum(data))},
		{"gzip", []codec{codecGzip}, gz(data)},
		{"zstd, gzip, crc32c", []codec{codecZstd, codecGzip, codecCRC32C}, sum(gz(frame(t, data)))},
		{"blosc, crc32c", []codec{codecBlosc, codecCRC32C}, sum(bloscStored(data))},
		{"blosc, gzip", []codec{codecBlosc, codecGzip}, gz(bloscStored(data))},
	}
	for _, c := range tests {
		a := line(len(data), c.codecs...)
		if c.name == "crc32c, zstd" {
			// The frame holds four bytes more than the chunk.
			if got, err := readLeaf(a, tensor.Whole(a.Shape), c.bytes); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
			}
			continue
		}
		got, err := readLeaf(a, tensor.Whole(a.Shape), c.bytes)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
		// Dozens of such chunks may be open at once, whatever stands first.
		if need, err := a.Need(blob(c.bytes), window); err != nil || need > 4<<20 {
			t.Errorf("%s: a stream of %d bytes needs %d, %v", c.name, len(data), need, err)
		}
		for _, wrong := range [][]byte{nil, c.bytes[:len(c.bytes)-1], append(slices.Clone(c.bytes), 0), append(slices.Clone(c.bytes), c.bytes...)} {
			if _, err := readLeaf(a, tensor.Whole(a.Shape), wrong); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: %d bytes in place of %d: error %v", c.name, len(wrong), len(c.bytes), err)
			}
		}
		flipped := slices.Clone(c.bytes)
		flipped[len(flipped)-1] ^= 1
		if _, err := readLeaf(a, tensor.Whole(a.Shape), flipped); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: a bit of the checksum makes no difference: %v", c.name, err)
		}
	}
}

func TestElements(t *testing.T) {
	tests := []struct {
		dtype tensor.DType
		big   bool
		in    string
		want  string // "" is an error
	}{
		{tensor.Bool, false, "0001", "0001"}, {tensor.Bool, false, "0002", ""},
		{tensor.Int4, false, "0f08f7", "0f0807"}, {tensor.Int2, false, "07fe", "0302"}, {tensor.Float4E2M1FN, false, "f6", "06"},
		{tensor.Float32, true, "0102030405060708", "0403020108070605"}, {tensor.Uint16, true, "0102", "0201"},
		{tensor.Complex64, true, "0102030405060708", "0403020108070605"}, {tensor.Uint8, true, "0102", "0102"},
	}
	for _, c := range tests {
		in, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		s := tensor.Shape{len(in) / c.dtype.Size()}
		a := &Array{DType: c.dtype, Shape: s, Chunk: s, Leaf: s, order: []int{0}, big: c.big}
		got, err := readLeaf(a, tensor.Whole(s), in)
		if (err == nil) != (c.want != "") || err == nil && hex.EncodeToString(got) != c.want {
			t.Errorf("%v big %v %s: %x, %v", c.dtype, c.big, c.in, got, err)
		}
	}
}

func TestOpenFill(t *testing.T) {
	a := &Array{DType: tensor.Float32, fill: []byte{1, 2, 3, 4}}
	for _, n := range []int{0, 1, 20000} {
		got, err := io.ReadAll(iotest.HalfReader(a.OpenFill(tensor.Region{Origin: []int{0}, Shape: tensor.Shape{n}})))
		if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{1, 2, 3, 4}, n)) {
			t.Errorf("%d elements: %d bytes, %v", n, len(got), err)
		}
	}
}

// shardOf puts four chunks of 24 bytes into a shard, with the given index.
func shardOf(index []uint64, crc bool) []byte {
	b := make([]byte, 96)
	for i := range b {
		b[i] = byte(i)
	}
	var table []byte
	for _, n := range index {
		table = binary.LittleEndian.AppendUint64(table, n)
	}
	if crc {
		table = binary.LittleEndian.AppendUint32(table, crc32.Checksum(table, castagnoli))
	}
	return append(b, table...)
}

func TestShardIndex(t *testing.T) {
	a, err := ParseV3([]byte(v3(`[8,12]`, `[3,12]`)))
	if err != nil {
		t.Fatal(err)
	}
	const none = math.MaxUint64
	leaves, err := a.Leaves([]int{0, 1}, blob(shardOf([]uint64{0, 24, 72, 24, none, none, 24, 24}, true)))
	if err != nil {
		t.Fatal(err)
	}
	region := func(o0, o1, s0, s1 int) tensor.Region {
		return tensor.Region{Origin: []int{o0, o1}, Shape: tensor.Shape{s0, s1}}
	}
	want := []Leaf{
		{Region: region(0, 6, 2, 3), Offset: 0, Length: 24}, {Region: region(0, 9, 2, 3), Offset: 72, Length: 24},
		{Region: region(2, 6, 1, 3), Missing: true}, {Region: region(2, 9, 1, 3), Offset: 24, Length: 24},
	}
	if d := cmp.Diff(want, leaves); d != "" {
		t.Error(d)
	}
	leaves, err = a.Leaves([]int{0, 0}, nil)
	if err != nil || len(leaves) != 4 || !leaves[3].Missing {
		t.Errorf("a missing shard: %v, %v", leaves, err)
	}
	for name, b := range map[string][]byte{
		"empty":          nil,
		"index alone":    shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 24}, true)[96:],
		"shorter":        shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 24}, true)[97:],
		"no checksum":    shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 24}, false),
		"beyond":         shardOf([]uint64{0, 24, 24, 24, 48, 24, 73, 24}, true),
		"into the index": shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 30}, true),
		"overflow":       shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, none - 70}, true),
		"offset missing": shardOf([]uint64{0, 24, 24, 24, 48, 24, none, 24}, true),
		"length missing": shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, none}, true),
		"overlap":        shardOf([]uint64{0, 24, 24, 24, 47, 24, 72, 24}, true),
		"same twice":     shardOf([]uint64{0, 24, 24, 24, 24, 24, 72, 24}, true),
	} {
		if _, err := a.Leaves([]int{0, 0}, blob(b)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	flipped := shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 24}, true)
	for i := 96; i < len(flipped); i++ {
		flipped[i] ^= 4
		if _, err := a.Leaves([]int{0, 0}, blob(flipped)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("a bit of byte %d makes no difference: %v", i, err)
		}
		flipped[i] ^= 4
	}
}

// TestNeed: the headers of frames are believed only as far as the limits go.
func TestNeed(t *testing.T) {
	a := line(64, codecBlosc)
	if _, err := a.Need(blob([]byte{2, 1, 1, 4, 64, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 80, 0, 0, 0}), window); err != nil {
		t.Errorf("a block size beyond the bytes: %v", err)
	}
	if _, err := a.Need(blob([]byte{2, 1, 1, 4, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f, 80, 0, 0, 0}), window); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a block of 2 GiB: %v", err)
	}
	if _, err := a.Need(blob(nil), window); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("nothing: %v", err)
	}
	failing := failingBlob{errors.New("disk")}
	if _, err := a.Need(failing, window); !errors.Is(err, failing.err) {
		t.Errorf("a disk that fails: %v", err)
	}
}

type failingBlob struct{ err error }

func (f failingBlob) ReadAt([]byte, int64) (int, error) { return 0, f.err }
func (f failingBlob) Size() int64                       { return 100 }

func seeds(f *testing.F, docs ...string) {
	for _, d := range docs {
		f.Add(d)
	}
}

// checkArray checks what must hold for whatever was accepted.
func checkArray(t *testing.T, a *Array, err error) {
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrUnsupported) {
			t.Errorf("error wraps no sentinel: %v", err)
		}
		return
	}
	if len(a.Leaf) != len(a.Shape) || len(a.Chunk) != len(a.Shape) || len(a.order) != len(a.Shape) || len(a.fill) != a.DType.Size() {
		t.Errorf("array %+v", a)
	}
	if a.Chunks() > 0 {
		last := a.Grid()
		for i := range last {
			last[i]--
		}
		if back, ok := a.ParseKey(a.Key(last)); !ok || !slices.Equal(back, last) || !a.InGrid(back) {
			t.Errorf("key %q of %v is read as %v", a.Key(last), last, back)
		}
	}
}

// FuzzV2 fuzzes .zarray.
func FuzzV2(f *testing.F) {
	seeds(f, v2(), v2(`"compressor":null`, `"compressor":{"id":"zstd","level":1}`), v2(`"order":"C"`, `"order":"F"`), v2(`"<f4"`, `">c8"`, `"fill_value":null`, `"fill_value":[1,"NaN"]`),
		v2(`[3,4]`, `[1048576,4194304]`), v2(`[3,4]`, `[0,32]`), v2(`[7,10]`, `[1099511627776,64]`), v2(`"zarr_format":2`, `"zarr_format":3`))
	f.Fuzz(func(t *testing.T, doc string) {
		a, err := ParseV2([]byte(doc))
		checkArray(t, a, err)
	})
}

// FuzzV3 fuzzes zarr.json.
func FuzzV3(f *testing.F) {
	seeds(f, v3(), v3(`"float32"`, `"bool"`, `"fill_value":0.0`, `"fill_value":false`), v3(`{"name":"default"}`, `{"name":"v2","configuration":{"separator":"/"}}`),
		v3(`"codecs":[{"configuration":{"chunk_shape":[2,3]`, `"codecs":[{"name":"transpose","configuration":{"order":[1,0]}},{"configuration":{"chunk_shape":[3,2]`))
	f.Fuzz(func(t *testing.T, doc string) {
		a, err := ParseV3([]byte(doc))
		checkArray(t, a, err)
	})
}

// FuzzShard fuzzes a shard; its checksum is made right, else nothing would be
// tried but it.
func FuzzShard(f *testing.F) {
	const none = math.MaxUint64
	f.Add(shardOf([]uint64{0, 24, 24, 24, 48, 24, 72, 24}, true))
	f.Add(shardOf([]uint64{0, 24, 72, 24, none, none, 24, 24}, true))
	a, err := ParseV3([]byte(v3()))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clone(b)
		if n := len(b) - 4; n >= 64 {
			binary.LittleEndian.PutUint32(b[n:], crc32.Checksum(b[n-64:n], castagnoli))
		}
		leaves, err := a.Leaves([]int{1, 1}, blob(b))
		if err != nil {
			return
		}
		for _, l := range leaves {
			if !l.Missing && (l.Offset < 0 || l.Length < 0 || l.Offset+l.Length > int64(len(b))-68) {
				t.Errorf("leaf %+v in %d bytes", l, len(b))
			}
		}
	})
}

// FuzzChunk fuzzes the bytes of a zstd chunk: it streams to exactly its size,
// or to an error.
func FuzzChunk(f *testing.F) {
	data := bytes.Repeat([]byte("loraconv"), 64)
	f.Add(frame(f, data))
	f.Add(rawFrame(data, false))
	f.Add(rawFrame(data, true))
	a := line(len(data), codecZstd)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := readLeaf(a, tensor.Whole(a.Shape), b)
		if err == nil && len(out) != len(data) {
			t.Errorf("%d bytes", len(out))
		}
		if err != nil && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrUnsupported) {
			t.Errorf("error wraps no sentinel: %v", err)
		}
	})
}
