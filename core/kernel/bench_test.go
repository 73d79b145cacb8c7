package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/loraconv/loraconv/core/tensor"
)

// All benchmarks work on a float32 matrix [2048, 16384] in slabs of 64 rows,
// as the engine does, and report the bytes of its float32 side. copy is the
// reference.
const (
	benchRows, benchCols, benchSlab = 2048, 16384, 64
)

var matrix = func() func() []float32 {
	var w []float32
	return func() []float32 {
		if w == nil {
			w = make([]float32, benchRows*benchCols)
			rng := rand.New(rand.NewPCG(1, 1))
			for i := range w {
				w[i] = rng.Float32() - 0.5
			}
		}
		return w
	}
}()

func bench(b *testing.B, name string, rows, cols int, op func()) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(4 * rows * cols))
		for b.Loop() {
			op()
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	w := matrix()
	slab := make([]float32, benchSlab*benchCols)
	bench(b, "slabs", benchRows, benchCols, func() {
		for i := 0; i < len(w); i += len(slab) {
			copy(slab, w[i:])
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	for _, s := range []struct{ m, n, k int }{{2048, 16384, 16}, {2048, 16384, 64}, {4096, 4096, 8}, {256, 2048, 32}} {
		w := matrix()[:s.m*s.n]
		rng := rand.New(rand.NewPCG(2, 2))
		lora, up := random(rng, s.m*s.k, 0), random(rng, s.k*s.n, 0)
		scratch := make([]float32, MergeScratch(s.k))
		for name, rows := range implementations {
			bench(b, fmt.Sprintf("%dx%d_r%d/%s", s.m, s.n, s.k, name), s.m, s.n, func() {
				for i := 0; i < s.m; i += benchSlab {
					merge(w[i*s.n:], s.n, lora[i*s.k:], s.k, up, s.n, benchSlab, s.n, s.k, 1e-9, scratch, rows)
				}
			})
		}
	}
}

// BenchmarkTranspose turns the matrix, also rounded to bfloat16 on the way.
func BenchmarkTranspose(b *testing.B) {
	w := matrix()
	out := make([]byte, 4*len(w))
	slab := make([]byte, 4*benchSlab*benchCols)
	shape, to, from := []int{benchSlab, benchCols}, []int{1, benchRows}, []int{benchCols, 1}
	for i := range out {
		out[i] = 1
	}
	bench(b, "float32", benchRows, benchCols, func() {
		for i := 0; i < benchRows; i += benchSlab {
			_ = tensor.EncodeFloat32(slab, w[i*benchCols:][:benchSlab*benchCols], tensor.Float32)
			MoveOut(out[4*i:], slab, 4, shape, to, from)
		}
	})
	half := slab[:len(slab)/2]
	bench(b, "bfloat16", benchRows, benchCols, func() {
		for i := 0; i < benchRows; i += benchSlab {
			_ = tensor.EncodeFloat32(half, w[i*benchCols:][:benchSlab*benchCols], tensor.BFloat16)
			MoveOut(out[2*i:], half, 2, shape, to, from)
		}
	})
	for name, move := range moves {
		bench(b, "bfloat16_only_"+name, benchRows, benchCols, func() {
			for i := 0; i < benchRows; i += benchSlab {
				move(out[2*i:], half, 2, shape, to, from)
			}
		})
	}
}

// BenchmarkSlab is a slab's whole way: merge of rank 16, rounding, transpose.
func BenchmarkSlab(b *testing.B) {
	w := matrix()
	const k = 16
	rng := rand.New(rand.NewPCG(2, 2))
	lora, up := random(rng, benchRows*k, 0), random(rng, k*benchCols, 0)
	scratch := make([]float32, MergeScratch(k))
	slab, half := make([]float32, benchSlab*benchCols), make([]byte, 2*benchSlab*benchCols)
	out := make([]byte, 2*len(w))
	shape, to, from := []int{benchSlab, benchCols}, []int{1, benchRows}, []int{benchCols, 1}
	bench(b, "merge_bfloat16_transpose", benchRows, benchCols, func() {
		for i := 0; i < benchRows; i += benchSlab {
			copy(slab, w[i*benchCols:])
			Merge(slab, benchCols, lora[i*k:], k, up, benchCols, benchSlab, benchCols, k, 1e-9, scratch)
			_ = tensor.EncodeFloat32(half, slab, tensor.BFloat16)
			MoveOut(out[2*i:], half, 2, shape, to, from)
		}
	})
}
