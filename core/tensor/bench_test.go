package tensor

import "testing"

// The benchmarks report bytes of the wider side, at a size that fits the
// second-level cache and at one that does not; copy is the reference.
func BenchmarkCodec(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"l2", 1 << 16}, {"memory", 1 << 25}} {
		f, narrow := make([]float32, size.n), make([]byte, 4*size.n)
		for i := range f {
			f[i] = float32(i%2000-1000) * 0.013
		}
		run := func(name string, op func()) {
			b.Run(name+"/"+size.name, func(b *testing.B) {
				b.SetBytes(int64(4 * size.n))
				for b.Loop() {
					op()
				}
			})
		}
		half := narrow[:2*size.n]
		run("copy", func() { copy(view[float32](narrow), f) })
		run("encodeBF16", func() { _ = EncodeFloat32(half, f, BFloat16) })
		run("encodeBF16Portable", func() { encodeBF16Portable(view[uint16](half), patterns(f)) })
		run("decodeBF16", func() { _ = DecodeFloat32(f, half, BFloat16) })
		run("encodeF16", func() { _ = EncodeFloat32(half, f, Float16) })
		run("decodeF16", func() { _ = DecodeFloat32(f, half, Float16) })
		run("decodeF8", func() { _ = DecodeFloat32(f, narrow[:size.n], Float8E4M3FN) })
		run("countFloat32", func() { CountNonFinite(narrow, Float32) })
		run("countBF16", func() { CountNonFinite(narrow, BFloat16) })
	}
}
