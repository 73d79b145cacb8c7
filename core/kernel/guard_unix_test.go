//go:build unix

package kernel

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/loraconv/loraconv/core/internal/guard"
)

// floats reads the memory of b, whose beginning is aligned, as floats.
func floats(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// TestStreamWithinItsBounds streams between pages that cannot be touched, from
// and to anywhere in a line.
func TestStreamWithinItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	const most, border = 4396, 4096 // where stream takes its other way
	srcs, dsts := guard.New(t, most), guard.New(t, most)
	for _, from := range guard.Sides {
		for _, to := range guard.Sides {
			for n := 0; n < most; n++ {
				if n == 300 {
					n = border - 300
				}
				src, dst := srcs.Bytes(n, from), dsts.Bytes(n, to)
				for k := range src {
					src[k] = byte(rng.Uint32())
				}
				clear(dst)
				stream(dst, src)
				endStream()
				if !bytes.Equal(dst, src) {
					t.Fatalf("%d bytes: differs", n)
				}
			}
		}
	}
}

// TestMergeWithinItsBounds merges matrices that end, or begin, where memory does.
func TestMergeWithinItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	const most = 17 * (48 + 5)
	ws, as, ps := guard.New(t, 4*most), guard.New(t, 4*most), guard.New(t, 4*most)
	for name, rows := range implementations {
		for _, side := range guard.Sides {
			place := func(r guard.Room, n int) []float32 {
				x := floats(r.Bytes(4*n, side))
				copy(x, random(rng, n, 0))
				return x
			}
			for m := 1; m <= 17; m++ {
				for _, n := range []int{16, 32, 48} {
					for k := 1; k <= 9; k++ {
						ldw, lda := n+rng.IntN(6), k+rng.IntN(6)
						w, a, panels := place(ws, (m-1)*ldw+n), place(as, (m-1)*lda+k), place(ps, n*k)
						want := slices.Clone(w)
						mergePortable(want, ldw, a, lda, panels, m, n, k, 0.37)
						rows(w, ldw, a, lda, panels, m, n, k, 0.37)
						if i := same(w, want); i >= 0 {
							t.Fatalf("%s: m=%d n=%d k=%d: element %d differs", name, m, n, k, i)
						}
					}
				}
			}
		}
	}
}

// TestTileWithinItsBounds transposes tiles that end, or begin, where memory does.
func TestTileWithinItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 30))
	const most = 26 * (8*26 + 40)
	srcs, dsts := guard.New(t, most), guard.New(t, most)
	for _, side := range guard.Sides {
		for _, width := range []int{1, 2, 4, 8} {
			for h := 1; h <= 26; h++ {
				for w := 1; w <= 26; w++ {
					stride := w*width + rng.IntN(40)
					src, dst := srcs.Bytes((h-1)*stride+w*width, side), dsts.Bytes(h*w*width, side)
					for i := range src {
						src[i] = byte(rng.Uint32())
					}
					want := make([]byte, len(dst))
					transposePortable(want, src, stride, h, w, width)
					transposeTile(dst, src, stride, h, w, width)
					if !bytes.Equal(dst, want) {
						t.Fatalf("%d x %d elements of %d bytes, stride %d: differs", h, w, width, stride)
					}
				}
			}
		}
	}
}
