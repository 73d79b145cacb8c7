package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/x448/float16"
)

func bytes16(v ...uint16) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

func bytes32(v ...uint32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func bytes64(v ...uint64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

func floats(p []uint32) []float32 {
	f := make([]float32, len(p))
	copy(patterns(f), p)
	return f
}

func all16() []uint16 {
	v := make([]uint16, 1<<16)
	for i := range v {
		v[i] = uint16(i)
	}
	return v
}

func TestDecodeFloat32All16BitPatterns(t *testing.T) {
	for _, tt := range []struct {
		d DType
		f format
	}{{BFloat16, bf16Format}, {Float16, f16Format}} {
		t.Run(tt.f.name, func(t *testing.T) {
			got := make([]float32, 1<<16)
			if err := DecodeFloat32(got, bytes16(all16()...), tt.d); err != nil {
				t.Fatal(err)
			}
			back := make([]byte, 2<<16)
			if err := EncodeFloat32(back, got, tt.d); err != nil {
				t.Fatal(err)
			}
			for p := range uint64(1 << 16) {
				u := math.Float32bits(got[p])
				magnitude, sign := p&^tt.f.sign(), uint32(p>>15)<<31
				payload := uint32(magnitude-tt.f.inf()) << (23 - tt.f.mantissa)
				var want uint32
				quiet := p
				switch {
				case magnitude > tt.f.inf():
					want = 0x7fc00000 | payload
					quiet |= 1 << (tt.f.mantissa - 1)
				case magnitude == tt.f.inf():
					want = 0x7f800000
				default:
					want = math.Float32bits(float32(tt.f.value(magnitude)))
				}
				if u != want|sign {
					t.Fatalf("pattern %#04x is %#08x, want %#08x", p, u, want|sign)
				}
				if b := binary.LittleEndian.Uint16(back[2*p:]); uint64(b) != quiet {
					t.Fatalf("pattern %#04x came back as %#04x, want %#04x", p, b, quiet)
				}
				if tt.d == Float16 {
					if x := math.Float32bits(float16.Frombits(uint16(p)).Float32()); x != u {
						t.Fatalf("pattern %#04x is %#08x, x448/float16 says %#08x", p, u, x)
					}
				}
			}
		})
	}
}

func TestEncodeFloat32RoundsToNearestEven(t *testing.T) {
	for _, tt := range []struct {
		d DType
		f format
	}{{BFloat16, bf16Format}, {Float16, f16Format}} {
		t.Run(tt.f.name, func(t *testing.T) {
			in := both(tt.f.probes32(tt.f.finite()), 1<<31)
			in = append(in, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x477fefff, 0x477ff000, 0x00000001, 0x80000001, 0x33000000, 0x33000001, 0x32ffffff)
			dst := make([]byte, 2*len(in))
			if err := EncodeFloat32(dst, floats(in), tt.d); err != nil {
				t.Fatal(err)
			}
			for i, u := range in {
				got := uint64(binary.LittleEndian.Uint16(dst[2*i:]))
				if want := tt.f.round(float64(math.Float32frombits(u))); got != want {
					t.Fatalf("float32 %#08x became %#04x, want %#04x", u, got, want)
				}
			}
		})
	}
}

func TestEncodeFloat32NaN(t *testing.T) {
	in := []uint32{0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0x7fa00000, 0x7f812345, 0x7fd55555, 0x7f802000, 0x7f810000}
	for _, tt := range []struct {
		d    DType
		want []byte
	}{
		{BFloat16, bytes16(0x7fc0, 0xffc0, 0x7fc0, 0xffc0, 0x7fff, 0x7fe0, 0x7fc1, 0x7fd5, 0x7fc0, 0x7fc1)},
		{Float16, bytes16(0x7e00, 0xfe00, 0x7e00, 0xfe00, 0x7fff, 0x7f00, 0x7e09, 0x7eaa, 0x7e01, 0x7e08)},
		{Float32, bytes32(in...)},
	} {
		dst := make([]byte, len(tt.want))
		if err := EncodeFloat32(dst, floats(in), tt.d); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, dst); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.d, diff)
		}
	}
}

// TestEncodeBulk compares the bulk paths, at every length and alignment around
// their block sizes, with the one-element functions.
func TestEncodeBulk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	in := make([]uint32, 200)
	for i := range in {
		in[i] = rng.Uint32()
		if i%5 == 0 { // infinities, NaNs and the largest values
			in[i] |= 0x7f700000
		}
	}
	for off := range 4 {
		for n := 0; n+off <= len(in); n++ {
			part := in[off : off+n]
			room := make([]byte, 2*n+8)
			for i := range room {
				room[i] = 0xa5
			}
			dst := room[off : off+2*n]
			for d, one := range map[DType]func(uint32) uint16{
				BFloat16: BF16FromFloat32,
				Float16:  func(u uint32) uint16 { return float16.Fromfloat32(math.Float32frombits(u)).Bits() },
			} {
				if err := EncodeFloat32(dst, floats(part), d); err != nil {
					t.Fatal(err)
				}
				for i, u := range part {
					if got, want := binary.LittleEndian.Uint16(dst[2*i:]), one(u); got != want {
						t.Fatalf("%s: element %d of %d, %#08x, became %#04x, want %#04x", d, i, n, u, got, want)
					}
				}
				if room[off+2*n] != 0xa5 || off > 0 && room[off-1] != 0xa5 {
					t.Fatalf("%s: %d elements: wrote outside the destination", d, n)
				}
			}
		}
	}
}

// TestF16AgainstX448 walks all upper halves of float32 with the lower halves at
// which a rounding can change.
func TestF16AgainstX448(t *testing.T) {
	for hi := range uint32(1 << 16) {
		for _, lo := range []uint32{0, 1, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2fff, 0x3000, 0x3001, 0x7fff, 0x8000, 0x8001, 0xefff, 0xf000, 0xf001, 0xffff} {
			u := hi<<16 | lo
			if got, want := F16FromFloat32(u), float16.Fromfloat32(math.Float32frombits(u)).Bits(); got != want {
				t.Fatalf("%#08x became %#04x, want %#04x", u, got, want)
			}
		}
	}
}

func TestDecodeFloat32OneByteTypes(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	neg := math.Copysign(0, -1)
	// Values at the ends of each range, worked out by hand from the layouts.
	for d, want := range map[DType]map[byte]float64{
		Float8E3M4:        {0x00: 0, 0x80: neg, 0x01: 1. / 64, 0x0f: 15. / 64, 0x10: 0.25, 0x30: 1, 0x6f: 15.5, 0x70: inf, 0xf0: -inf, 0x71: nan, 0x7f: nan, 0xbf: -1.9375},
		Float8E4M3FN:      {0x00: 0, 0x80: neg, 0x01: 1. / 512, 0x07: 7. / 512, 0x08: 1. / 64, 0x38: 1, 0x7e: 448, 0xfe: -448, 0x7f: nan, 0xff: nan, 0x78: 256},
		Float8E4M3FNUZ:    {0x00: 0, 0x80: nan, 0x01: 1. / 1024, 0x08: 1. / 128, 0x40: 1, 0x7f: 240, 0xff: -240},
		Float8E4M3B11FNUZ: {0x00: 0, 0x80: nan, 0x01: 1. / 8192, 0x08: 1. / 1024, 0x58: 1, 0x7f: 30, 0xff: -30},
		Float8E5M2:        {0x00: 0, 0x80: neg, 0x01: 1. / 65536, 0x04: 1. / 16384, 0x3c: 1, 0x7b: 57344, 0x7c: inf, 0xfc: -inf, 0x7d: nan, 0xff: nan},
		Float8E5M2FNUZ:    {0x00: 0, 0x80: nan, 0x01: 1. / 131072, 0x04: 1. / 32768, 0x40: 1, 0x7f: 57344, 0xff: -57344},
		Float8E8M0FNU:     {0x00: 0x1p-127, 0x01: 0x1p-126, 0x7f: 1, 0x80: 2, 0xfe: 0x1p127, 0xff: nan},
		Float4E2M1FN:      {0: 0, 1: 0.5, 2: 1, 3: 1.5, 4: 2, 5: 3, 6: 4, 7: 6, 8: neg, 9: -0.5, 15: -6, 0xf7: 6},
	} {
		for b, w := range want {
			var got [1]float32
			if err := DecodeFloat32(got[:], []byte{b}, d); err != nil {
				t.Fatal(err)
			}
			g := float64(got[0])
			if math.IsNaN(w) != math.IsNaN(g) || !math.IsNaN(w) && math.Float64bits(g) != math.Float64bits(w) {
				t.Errorf("%s %#02x is %g, want %g", d, b, g, w)
			}
		}
	}
}

// TestOneByteTypesOrdered checks every byte: magnitudes grow with the pattern,
// the sign bit negates, and exactly the patterns of the layout are NaN.
func TestOneByteTypesOrdered(t *testing.T) {
	nans := map[DType]int{
		Float8E3M4: 30, Float8E4M3FN: 2, Float8E4M3FNUZ: 1, Float8E4M3B11FNUZ: 1,
		Float8E5M2: 6, Float8E5M2FNUZ: 1, Float8E8M0FNU: 1, Float4E2M1FN: 0,
	}
	for d, want := range nans {
		found := 0
		v := byteFloats[d]
		for b := range 256 {
			f := math.Float32frombits(v[b])
			if f != f {
				found++
				if v[b]&0x00400000 == 0 {
					t.Errorf("%s %#02x: NaN %#08x is not quiet", d, b, v[b])
				}
			}
			half := 128
			if d == Float4E2M1FN {
				half = 8
			}
			if d == Float8E8M0FNU {
				if b > 0 && f == f && f != 2*math.Float32frombits(v[b-1]) {
					t.Errorf("%s %#02x is not twice its neighbour", d, b)
				}
				continue
			}
			if b%half > 0 && b < half && f == f && f <= math.Float32frombits(v[b-1]) {
				t.Errorf("%s %#02x = %g is not above its neighbour", d, b, f)
			}
			if b >= half && b < 2*half && b != half && v[b] != v[b-half]^1<<31 {
				t.Errorf("%s %#02x is not the negative of %#02x", d, b, b-half)
			}
		}
		if found != want {
			t.Errorf("%s has %d NaNs, want %d", d, found, want)
		}
	}
}

func TestFloat32Bytes(t *testing.T) {
	f := floats([]uint32{0x3f800000, 0x7f800001})
	b := Float32Bytes(f)
	if diff := cmp.Diff(bytes32(0x3f800000, 0x7f800001), b); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	copy(b, bytes32(0x40000000))
	if f[0] != 2 || len(Float32Bytes(nil)) != 0 {
		t.Errorf("got %v, want the same memory", f)
	}
}

func TestCodecErrors(t *testing.T) {
	f, b := make([]float32, 2), make([]byte, 8)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"float64 is not narrowed", DecodeFloat32(f[:1], b, Float64), "decode float64 as float32: not a float type that float32 can hold"},
		{"ints do not decode", DecodeFloat32(f, b, Int32), "decode int32 as float32: not a float type that float32 can hold"},
		{"no type", DecodeFloat32(f, b, DType(200)), "decode invalid as float32: not a float type that float32 can hold"},
		{"too few bytes", DecodeFloat32(f, b[:3], BFloat16), "decode bfloat16 as float32: found 3 bytes, want 2 elements of 2 bytes"},
		{"too many bytes", DecodeFloat32(f, b, BFloat16), "decode bfloat16 as float32: found 8 bytes, want 2 elements of 2 bytes"},
		{"no encoding to f8", EncodeFloat32(b[:2], f, Float8E5M2), "encode float32 as float8_e5m2: want bfloat16, float16 or float32"},
		{"no encoding to float64", EncodeFloat32(b, f[:1], Float64), "encode float32 as float64: want bfloat16, float16 or float32"},
		{"room too small", EncodeFloat32(b[:3], f, BFloat16), "encode float32 as bfloat16: found room for 3 bytes, want 2 elements of 2 bytes"},
		{"int to float", Convert(b, Float32, b, Int32), "convert int32 to float32: only float types convert, others are moved as they are"},
		{"float to complex", Convert(b, Complex64, b, Float64), "convert float64 to complex64: only float types convert, others are moved as they are"},
		{"bool to int", Convert(b, Int8, b, Bool), "convert bool to int8: only float types convert, others are moved as they are"},
		{"to a byte", Convert(b[:4], Float8E4M3FN, b, BFloat16), "convert bfloat16 to float8_e4m3fn: no conversion to a float type of one byte"},
		{"between bytes", Convert(b, Float8E4M3FN, b, Float8E5M2), "convert float8_e5m2 to float8_e4m3fn: no conversion to a float type of one byte"},
		{"counts differ", Convert(b, Float32, b[:6], BFloat16), "convert bfloat16 to float32: found 6 and 8 bytes, want the same number of whole elements"},
		{"half an element", Convert(b[:3], BFloat16, b[:3], BFloat16), "convert bfloat16 to bfloat16: found 3 and 3 bytes, want the same number of whole elements"},
		{"invalid", Convert(b, Invalid, b, Invalid), "convert invalid to invalid: not an element type"},
	} {
		got := "no error"
		if tt.err != nil {
			got = tt.err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCodecsDoNotAllocate(t *testing.T) {
	f, b, w := make([]float32, 1000), make([]byte, 4000), make([]byte, 8000)
	if n := testing.AllocsPerRun(10, func() {
		_ = DecodeFloat32(f, b[:2000], BFloat16)
		_ = EncodeFloat32(b[:2000], f, BFloat16)
		_ = EncodeFloat32(b[:2000], f, Float16)
		_ = Convert(w, Float64, b[:2000], Float16)
		_ = Convert(b[:2000], BFloat16, w[:1000], Float8E4M3FN)
		_ = Convert(b[:2000], Float16, w[:2000], BFloat16)
		_ = Convert(b[:2000], BFloat16, w, Float64)
		CountNonFinite(b, Float32)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
