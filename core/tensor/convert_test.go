package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConvertFloat64RoundsOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	sample := []uint64{0, 1, 2, 0x7fffff, 0x800000, 0x800001, 0x7f7ffffe, 0x7f7fffff}
	for range 5000 {
		sample = append(sample, rng.Uint64N(f32Format.inf()))
	}
	for _, tt := range []struct {
		d        DType
		f        format
		patterns []uint64
	}{
		{BFloat16, bf16Format, bf16Format.finite()},
		{Float16, f16Format, f16Format.finite()},
		{Float32, f32Format, sample},
	} {
		t.Run(tt.f.name, func(t *testing.T) {
			in := both(tt.f.probes64(tt.patterns), 1<<63)
			in = append(in, math.Float64bits(math.MaxFloat64), math.Float64bits(math.Inf(-1)), math.Float64bits(5e-324), 1<<63|1, math.Float64bits(1e39))
			dst := make([]byte, tt.d.Size()*len(in))
			if err := Convert(dst, tt.d, bytes64(in...), Float64); err != nil {
				t.Fatal(err)
			}
			for i, b := range in {
				got := element(dst, i, tt.d.Size())
				x := math.Float64frombits(b)
				if want := tt.f.round(x); got != want {
					t.Fatalf("%g (%#016x) became %#x, want %#x", x, b, got, want)
				}
				if tt.d == Float32 && got != uint64(math.Float32bits(float32(x))) {
					t.Fatalf("%g became %#x, Go's conversion says %#x", x, got, math.Float32bits(float32(x)))
				}
			}
		})
	}
}

func element(b []byte, i, size int) uint64 {
	var w [8]byte
	copy(w[:], b[i*size:(i+1)*size])
	return binary.LittleEndian.Uint64(w[:])
}

// TestConvertDoubleRounding holds values that two roundings get wrong.
func TestConvertDoubleRounding(t *testing.T) {
	for _, tt := range []struct {
		to   DType
		x    float64
		want []byte
	}{
		// 1 + 2^-8 is half way to the next bfloat16; a stop at float32 loses the 2^-40.
		{BFloat16, 1 + 0x1p-8 + 0x1p-40, bytes16(0x3f81)},
		{BFloat16, 1 + 0x1p-8, bytes16(0x3f80)},
		{Float16, 1 + 0x1p-11 + 0x1p-40, bytes16(0x3c01)},
		{Float16, 1 + 0x1p-11, bytes16(0x3c00)},
		{Float16, 65520 - 0x1p-30, bytes16(0x7bff)},
		{Float16, 65520, bytes16(0x7c00)},
	} {
		dst := make([]byte, 2)
		if err := Convert(dst, tt.to, bytes64(math.Float64bits(tt.x)), Float64); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, dst); diff != "" {
			t.Errorf("%s of %v (-want +got):\n%s", tt.to, tt.x, diff)
		}
	}
}

func TestConvertTable(t *testing.T) {
	for _, tt := range []struct {
		name     string
		to, from DType
		src      []byte
		want     []byte
	}{
		{"a copy keeps a signalling NaN", BFloat16, BFloat16, bytes16(0x7f81, 0xff81), bytes16(0x7f81, 0xff81)},
		{"a copy of float64 keeps bits", Float64, Float64, bytes64(0x7ff0000000000001), bytes64(0x7ff0000000000001)},
		{"float32 to itself keeps bits", Float32, Float32, bytes32(0x7f800001), bytes32(0x7f800001)},
		{"ints are moved", Int64, Int64, bytes64(1<<63 | 5), bytes64(1<<63 | 5)},
		{"bools are moved", Bool, Bool, []byte{0, 1, 2}, []byte{0, 1, 2}},
		{"bfloat16 NaNs to float32", Float32, BFloat16, bytes16(0x7f81, 0xffc0, 0x7f80, 0x8000), bytes32(0x7fc10000, 0xffc00000, 0x7f800000, 0x80000000)},
		{"bfloat16 to float16", Float16, BFloat16, bytes16(0x3f80, 0x7f81, 0x4780, 0xc77f, 0x3380, 0x3300, 0x3301, 0x0001), bytes16(0x3c00, 0x7e08, 0x7c00, 0xfbf8, 0x0001, 0x0000, 0x0001, 0x0000)},
		{"float16 to bfloat16", BFloat16, Float16, bytes16(0x3c00, 0x3c04, 0x3c0c, 0x7bff, 0x0001, 0x7c01, 0xfc00), bytes16(0x3f80, 0x3f80, 0x3f82, 0x4780, 0x3380, 0x7fc0, 0xff80)},
		{"float16 to float64", Float64, Float16, bytes16(0x0001, 0x7bff, 0xfc01, 0x8000), bytes64(math.Float64bits(0x1p-24), math.Float64bits(65504), 0xfff8040000000000, 1<<63)},
		{"float32 to float64", Float64, Float32, bytes32(1, 0x807fffff, 0x7f7fffff, 0x7f800001, 0xff800000, 0x3f800001),
			bytes64(math.Float64bits(0x1p-149), math.Float64bits(-(1-0x1p-23)*0x1p-126), math.Float64bits(math.MaxFloat32), 0x7ff8000020000000, 0xfff0000000000000, math.Float64bits(1+0x1p-23))},
		{"float64 NaNs", BFloat16, Float64, bytes64(0x7ff0000000000001, 0xfff7ffffffffffff, 0x7ff8000000000000), bytes16(0x7fc0, 0xffff, 0x7fc0)},
		{"float64 NaNs to float32", Float32, Float64, bytes64(0x7ff0000000000001, 0xfff0000020000000), bytes32(0x7fc00000, 0xffc00001)},
		{"e4m3fn to bfloat16", BFloat16, Float8E4M3FN, []byte{0x38, 0x7e, 0x01, 0xff}, bytes16(0x3f80, 0x43e0, 0x3b00, 0xffc0)},
		{"e5m2 to float16 is its upper byte", Float16, Float8E5M2, []byte{0x3c, 0x7b, 0x01, 0xfc, 0x7d}, bytes16(0x3c00, 0x7b00, 0x0100, 0xfc00, 0x7f00)},
		{"e8m0 overflows float16", Float16, Float8E8M0FNU, []byte{0x7f, 0xfe, 0x00}, bytes16(0x3c00, 0x7c00, 0x0000)},
		{"e8m0 to bfloat16", BFloat16, Float8E8M0FNU, []byte{0x00, 0xfe, 0xff}, bytes16(0x0040, 0x7f00, 0x7fc0)},
		{"f4 to float64", Float64, Float4E2M1FN, []byte{7, 9}, bytes64(math.Float64bits(6), math.Float64bits(-0.5))},
		{"nothing", Float32, BFloat16, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dst := make([]byte, len(tt.want))
			if err := Convert(dst, tt.to, tt.src, tt.from); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, dst[:len(dst):len(dst)], cmp.Transformer("empty", func(b []byte) string { return string(b) })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestConvertWidens checks that every conversion to a wider type that holds the
// narrower one gives the same value, over all patterns and past the block size.
func TestConvertWidens(t *testing.T) {
	for d := Invalid + 1; d < numDTypes; d++ {
		if d.Kind() != KindFloat || d.Size() > 2 {
			continue
		}
		src := bytes16(all16()...)
		n := len(src) / d.Size()
		wide, direct := make([]byte, 8*n), make([]float32, n)
		if err := Convert(wide, Float64, src, d); err != nil {
			t.Fatal(err)
		}
		if err := DecodeFloat32(direct, src, d); err != nil {
			t.Fatal(err)
		}
		for i, f := range direct {
			got := math.Float64frombits(binary.LittleEndian.Uint64(wide[8*i:]))
			if f == f && math.Float64bits(got) != math.Float64bits(float64(f)) || (f != f) != math.IsNaN(got) {
				t.Fatalf("%s element %d is %g as float64, %g as float32", d, i, got, f)
			}
		}
	}
}
