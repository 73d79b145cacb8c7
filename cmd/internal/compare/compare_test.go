package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// memory is a directory of trees that are held in memory.
type memory map[string]*tree

func (m memory) Describe() store.Description {
	var d store.Description
	for n := range m {
		d.Trees = append(d.Trees, n)
	}
	slices.Sort(d.Trees)
	return d
}
func (m memory) Tree(name string) (store.Reader, error) { return m[name], nil }
func (memory) Close() error                             { return nil }

type tree struct {
	man  manifest.Manifest
	data map[string][]byte
}

func (t *tree) Manifest() *manifest.Manifest { return &t.man }
func (t *tree) Recheck() error               { return nil }
func (t *tree) Close() error                 { return nil }
func (t *tree) Chunks(name string) ([]store.Chunk, error) {
	return []store.Chunk{{Region: tensor.Whole(t.man.Lookup(name).Shape)}}, nil
}
func (t *tree) Open(_ context.Context, name string, _ store.Chunk) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(t.data[name])), nil
}

// param adds a parameter; its path is the name, taken apart.
func (t *tree) param(name string, d tensor.DType, shape tensor.Shape, data []byte) *tree {
	if t.data == nil {
		t.data = map[string][]byte{}
	}
	path := strings.Split(name, "/")
	n := manifest.ParamName(path)
	t.man.Tensors = append(t.man.Tensors, manifest.Tensor{Name: n, Path: path, DType: d, Shape: shape})
	t.man.Sort()
	t.data[n] = data
	return t
}

func (t *tree) text(name, value string) *tree {
	t.man.Strings = append(t.man.Strings, manifest.String{Path: strings.Split(name, "/"), Value: value})
	return t
}

func one(d tensor.DType, shape tensor.Shape, data []byte) memory {
	return memory{".": new(tree).param("w", d, shape, data)}
}

func f32(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func f64(v ...float64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func i64(v ...int64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return b
}

func mustCompare(t *testing.T, a, b memory, o Options) *Report {
	t.Helper()
	r, err := directories(context.Background(), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEveryBit changes each bit of a tensor of each type: exactly that element
// differs.
func TestEveryBit(t *testing.T) {
	shape := tensor.Shape{2, 1, 3}
	for d := tensor.Bool; d <= tensor.Complex128; d++ {
		a := make([]byte, 6*d.Size())
		for i := range a {
			a[i] = byte(7 * i)
		}
		if r := mustCompare(t, one(d, shape, a), one(d, shape, slices.Clone(a)), Options{}); !r.Equal {
			t.Errorf("%v: a copy is not equal: %+v", d, r)
		}
		for bit := range 8 * len(a) {
			b := slices.Clone(a)
			b[bit/8] ^= 1 << (bit % 8)
			r := mustCompare(t, one(d, shape, a), one(d, shape, b), Options{})
			at := bit / 8 / d.Size()
			if r.Equal || len(r.Tensors) != 1 || r.Tensors[0].Differing != 1 || !slices.Equal(r.Tensors[0].First, []int{at / 3, 0, at % 3}) {
				t.Fatalf("%v: bit %d: %+v", d, bit, r)
			}
		}
	}
}

// TestValues compares values: how many differ, by how much, where.
func TestValues(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f16 := func(v ...float32) []byte {
		out := make([]byte, 2*len(v))
		if err := tensor.EncodeFloat32(out, v, tensor.BFloat16); err != nil {
			t.Fatal(err)
		}
		return out
	}
	tests := []struct {
		name   string
		da, db tensor.DType
		a, b   []byte
		o      Options
		equal  bool
		want   Tensor // of a difference: Reason, Differing, MaxAbs, NaN and First
	}{
		{name: "same", da: tensor.Float32, db: tensor.Float32, a: f32(1, 2), b: f32(1, 2), equal: true},
		{name: "two differ", da: tensor.Float32, db: tensor.Float32, a: f32(1, 2, 3), b: f32(1, 2.5, 1), want: Tensor{Reason: "values", Differing: 2, MaxAbs: 2, First: []int{1}}},
		{name: "zeros of two signs", da: tensor.Float64, db: tensor.Float64, a: f64(0), b: f64(math.Copysign(0, -1)), want: Tensor{Reason: "values", Differing: 1, First: []int{0}}},
		{name: "zeros of two signs, as numbers", da: tensor.Float64, db: tensor.Float64, a: f64(0), b: f64(math.Copysign(0, -1)), o: Options{ATol: 1e-300}, equal: true},
		{name: "same NaN", da: tensor.Float64, db: tensor.Float64, a: f64(nan), b: f64(nan), equal: true},
		{name: "other NaN", da: tensor.Float64, db: tensor.Float64, a: f64(nan), b: f64(math.Float64frombits(math.Float64bits(nan) + 1)), want: Tensor{Reason: "values", Differing: 1, First: []int{0}}},
		{name: "other NaN, as numbers", da: tensor.Float64, db: tensor.Float64, a: f64(nan), b: f64(math.Float64frombits(math.Float64bits(nan) + 1)), o: Options{RTol: 1}, equal: true},
		{name: "NaN and number", da: tensor.Float64, db: tensor.Float64, a: f64(1, nan, 3), b: f64(1.5, 2, 3), o: Options{ATol: 0.25}, want: Tensor{Reason: "values", Differing: 2, MaxAbs: 0.5, NaN: 1, First: []int{0}}},
		{name: "infinities", da: tensor.Float64, db: tensor.Float64, a: f64(inf, inf, 5), b: f64(inf, -inf, 5), o: Options{RTol: 1e9}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: Number(inf), First: []int{1}}},
		{name: "atol is a bound that counts as equal", da: tensor.Float64, db: tensor.Float64, a: f64(1, 1), b: f64(1.5, 1.75), o: Options{ATol: 0.5}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 0.75, First: []int{1}}},
		{name: "rtol is of B", da: tensor.Float64, db: tensor.Float64, a: f64(2, 1), b: f64(1, 2), o: Options{RTol: 0.5}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 1, First: []int{0}}},
		{name: "rtol of a negative", da: tensor.Float64, db: tensor.Float64, a: f64(-1), b: f64(-2), o: Options{RTol: 0.5}, equal: true},
		{name: "types, same values", da: tensor.Float32, db: tensor.BFloat16, a: f32(1, 2), b: f16(1, 2), want: Tensor{Reason: "dtype"}},
		{name: "types, other values", da: tensor.Float32, db: tensor.BFloat16, a: f32(1, 2.001), b: f16(1, 2.001), want: Tensor{Reason: "dtype", Differing: 1, MaxAbs: Number(float64(float32(2.001)) - 2), First: []int{1}}},
		{name: "types, tolerance", da: tensor.Float32, db: tensor.BFloat16, a: f32(1, 2.001), b: f16(1, 2.001), o: Options{RTol: 0.01}, equal: true},
		{name: "types, beyond the tolerance", da: tensor.Float32, db: tensor.BFloat16, a: f32(1, 4), b: f16(1, 2), o: Options{RTol: 0.01}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 2, First: []int{1}}},
		{name: "integer and float", da: tensor.Int64, db: tensor.Float64, a: i64(1), b: f64(1), o: Options{ATol: 9}, want: Tensor{Reason: "dtype"}},
		{name: "large integers", da: tensor.Int64, db: tensor.Int64, a: i64(math.MaxInt64, -1), b: i64(math.MaxInt64-1, 1), want: Tensor{Reason: "values", Differing: 2, MaxAbs: 2, First: []int{0}}},
		{name: "large integers, tolerance", da: tensor.Int64, db: tensor.Int64, a: i64(math.MaxInt64, -1), b: i64(math.MaxInt64-1, 1), o: Options{ATol: 1}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 2, First: []int{1}}},
		{name: "small integers", da: tensor.Int8, db: tensor.Int8, a: []byte{0x80, 1}, b: []byte{0x7f, 1}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 255, First: []int{0}}},
		{name: "unsigned integers", da: tensor.Uint8, db: tensor.Uint8, a: []byte{0x80, 1}, b: []byte{0x7f, 1}, want: Tensor{Reason: "values", Differing: 1, MaxAbs: 1, First: []int{0}}},
		{name: "complex", da: tensor.Complex64, db: tensor.Complex64, a: f32(1, 2, 3, 4), b: f32(1, 2, 3, 7), want: Tensor{Reason: "values", Differing: 1, MaxAbs: 3, First: []int{1}}},
	}
	keep := func(d *Tensor) Tensor {
		return Tensor{Reason: d.Reason, Differing: d.Differing, MaxAbs: d.MaxAbs, NaN: d.NaN, First: d.First}
	}
	for _, tt := range tests {
		shapeA, shapeB := tensor.Shape{len(tt.a) / tt.da.Size()}, tensor.Shape{len(tt.b) / tt.db.Size()}
		r := mustCompare(t, one(tt.da, shapeA, tt.a), one(tt.db, shapeB, tt.b), tt.o)
		if r.Equal != tt.equal {
			t.Errorf("%s: equal is %v", tt.name, r.Equal)
		}
		if len(r.Tensors) == 1 {
			if d := cmp.Diff(tt.want, keep(&r.Tensors[0])); d != "" {
				t.Errorf("%s: %s", tt.name, d)
			}
		}
	}
}

// TestBlocks finds a difference behind the first block of elements.
func TestBlocks(t *testing.T) {
	n := 3*blockElements + 5
	a := make([]byte, n)
	for _, at := range []int{0, blockElements - 1, blockElements, 2*blockElements + 7, n - 1} {
		b := slices.Clone(a)
		b[at] = 1
		r := mustCompare(t, one(tensor.Uint8, tensor.Shape{n}, a), one(tensor.Uint8, tensor.Shape{n}, b), Options{})
		if len(r.Tensors) != 1 || r.Tensors[0].Differing != 1 || r.Tensors[0].First[0] != at {
			t.Errorf("at %d: %+v", at, r.Tensors)
		}
	}
}

// TestNames compares what the sides have.
func TestNames(t *testing.T) {
	x, y := f32(1), f32(2)
	s := tensor.Shape{1}
	a := memory{"params": new(tree).param("both/value", tensor.Float32, s, x).param("a", tensor.Float32, s, x).text("t", "1").text("u", "1"), "ema": new(tree).param("e", tensor.Float32, s, x)}
	b := memory{"params": new(tree).param("both", tensor.Float32, s, y).param("b", tensor.Float32, s, x).param("c", tensor.Float32, s, x).text("t", "2"), "state": new(tree).param("s", tensor.Float32, s, x)}
	r := mustCompare(t, a, b, Options{})
	one := "1"
	two := "2"
	want := &Report{
		Compared: 1, OnlyInA: []string{"params: a", "ema: e"}, OnlyInB: []string{"params: b", "params: c", "state: s"},
		Strings: []String{{"params: t", &one, &two}, {"params: u", &one, nil}},
	}
	if len(r.Tensors) != 1 || r.Tensors[0].Name != "params: both" {
		t.Errorf("%+v", r.Tensors)
	}
	r.Tensors = nil
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	if r := mustCompare(t, memory{"params": a["params"]}, memory{".": a["params"]}, Options{}); !r.Equal || r.Compared != 2 {
		t.Errorf("one tree each: %+v", r)
	}
	if _, err := directories(context.Background(), a, memory{".": a["params"]}, Options{}); !errors.Is(err, ErrTrees) {
		t.Errorf("no tree in common: %v", err)
	}
	shapes := mustCompare(t, memory{".": new(tree).param("w", tensor.Float32, tensor.Shape{2, 1}, f32(1, 2))}, memory{".": new(tree).param("w", tensor.Float32, tensor.Shape{2}, f32(1, 2))}, Options{ATol: 1})
	if shapes.Equal || shapes.Tensors[0].Reason != "shape" {
		t.Errorf("shapes: %+v", shapes)
	}
}

// TestFaults reads sides whose streams are not what their manifest says.
func TestFaults(t *testing.T) {
	whole := one(tensor.Float32, tensor.Shape{2}, f32(1, 2))
	for name, data := range map[string][]byte{"short": f32(1), "long": f32(1, 2, 3), "none": nil} {
		bad := one(tensor.Float32, tensor.Shape{2}, data)
		_, errA := directories(context.Background(), bad, whole, Options{})
		_, errB := directories(context.Background(), whole, bad, Options{})
		if !errors.Is(errA, store.ErrCorrupt) || !strings.Contains(errA.Error(), `"w" in A:`) || !errors.Is(errB, store.ErrCorrupt) || !strings.Contains(errB.Error(), `"w" in B:`) {
			t.Errorf("%s: %v; %v", name, errA, errB)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := directories(ctx, whole, whole, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	twice := memory{".": new(tree).param("w", tensor.Uint8, tensor.Shape{1}, []byte{1}).param("w/value", tensor.Uint8, tensor.Shape{1}, []byte{1})}
	if _, err := directories(context.Background(), twice, twice, Options{}); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a name twice: %v", err)
	}
}

// TestNumbersInJSON writes what JSON has no number for.
func TestNumbersInJSON(t *testing.T) {
	b, err := json.Marshal([]Number{1.5, 0, Number(math.NaN()), Number(math.Inf(1)), Number(math.Inf(-1))})
	if want := `[1.5,0,"NaN","+Inf","-Inf"]`; err != nil || string(b) != want {
		t.Errorf("%s, %v, wanted %s", b, err, want)
	}
}
