package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// moveByIndex is the definition of Move: one index at a time.
func moveByIndex(dst, src []byte, size int, shape, dstStrides, srcStrides []int) {
	index := make([]int, len(shape))
	total := 1
	for _, n := range shape {
		total *= n
	}
	for range total {
		d, s := 0, 0
		for i, x := range index {
			d += x * dstStrides[i] * size
			s += x * srcStrides[i] * size
		}
		copy(dst[d:d+size], src[s:s+size])
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < shape[i] {
				break
			}
			index[i] = 0
		}
	}
}

// strides returns strides of shape when its axes lie in the given order,
// outermost first, with gap elements left free after each row and axis.
func strides(shape, order []int, gap int) []int {
	out := make([]int, len(shape))
	n := 1
	for _, x := range slices.Backward(order) {
		out[x] = n
		n = n*shape[x] + gap
	}
	return out
}

func extent(shape, strides []int) int {
	n := 1
	for i, s := range shape {
		n += (s - 1) * strides[i]
	}
	return n
}

var moves = map[string]func(dst, src []byte, size int, shape, dstStrides, srcStrides []int){"Move": Move, "MoveOut": MoveOut}

func checkMove(t *testing.T, rng *rand.Rand, size int, shape, dstStrides, srcStrides []int) {
	t.Helper()
	off := rng.IntN(3) // nothing promises alignment
	src := make([]byte, off+extent(shape, srcStrides)*size)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	src = src[off:]
	room := bytes.Repeat([]byte{0xa5}, off+extent(shape, dstStrides)*size+16)
	want := slices.Clone(room)
	moveByIndex(want[off:], src, size, shape, dstStrides, srcStrides)
	for name, move := range moves {
		got := slices.Clone(room)
		move(got[off:len(room)-16], src, size, shape, dstStrides, srcStrides)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: size %d shape %v dst %v src %v: differs", name, size, shape, dstStrides, srcStrides)
		}
	}
}

func TestMovePermutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	orders := [][]int{{0, 1, 2, 3}, {0, 1, 3, 2}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 0, 1, 2}, {1, 2, 3, 0}, {0, 3, 2, 1}, {0, 2, 1, 3}, {2, 0, 3, 1}}
	for _, shape := range [][]int{{3, 5, 2, 7}, {2, 1, 40, 19}, {1, 1, 33, 65}, {17, 2, 2, 9}, {2, 3, 8, 16}, {9, 4, 4, 2}, {1, 1, 1, 1}} {
		for _, size := range []int{1, 2, 4, 8, 16} {
			for _, from := range orders {
				for _, to := range orders {
					for _, gaps := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {2, 3}} {
						checkMove(t, rng, size, shape, strides(shape, to, gaps[0]), strides(shape, from, gaps[1]))
					}
				}
			}
		}
	}
}

// TestMoveTranspose2D walks sizes around the tiles and the register blocks.
func TestMoveTranspose2D(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, size := range []int{1, 2, 4, 8} {
		for _, rows := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130, 1000} {
			for _, cols := range []int{1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 63, 64, 65, 129, 300} {
				shape := []int{rows, cols}
				checkMove(t, rng, size, shape, []int{1, rows + rng.IntN(2)}, []int{cols + rng.IntN(2), 1})
			}
		}
	}
}

func TestMoveRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for range 3000 {
		shape := make([]int, rng.IntN(7))
		for i := range shape {
			shape[i] = 1 + rng.IntN(6)
		}
		if len(shape) > 0 {
			shape[rng.IntN(len(shape))] *= 1 + rng.IntN(12)
		}
		checkMove(t, rng, 1<<rng.IntN(5), shape,
			strides(shape, rng.Perm(len(shape)), rng.IntN(3)), strides(shape, rng.Perm(len(shape)), rng.IntN(3)))
	}
}

// TestMoveByHand holds moves of the frameworks with the result written out.
func TestMoveByHand(t *testing.T) {
	for _, tt := range []struct {
		name           string
		shape, to, src []int
		want           string
	}{
		{"d f -> f d", []int{2, 3}, []int{1, 2}, []int{3, 1}, "adbecf"},
		{"d (half two) -> (two half) d", []int{2, 3, 2}, []int{1, 2, 6}, []int{6, 2, 1}, "agciekbhdjfl"},
		{"n d h -> d (n h)", []int{2, 3, 2}, []int{2, 4, 1}, []int{6, 2, 1}, "abghcdijefkl"},
		{"one value everywhere", []int{3}, []int{1}, []int{0}, "aaa"},
		{"every other place", []int{3}, []int{2}, []int{1}, "a.b.c"},
		{"a scalar", nil, nil, nil, "a"},
		{"nothing", []int{3, 0}, []int{1, 1}, []int{1, 1}, ""},
	} {
		dst := bytes.Repeat([]byte{'.'}, len(tt.want))
		Move(dst, []byte("abcdefghijkl"), 1, tt.shape, tt.to, tt.src)
		if string(dst) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, dst, tt.want)
		}
	}
}

func TestMoveRefuses(t *testing.T) {
	b := make([]byte, 24)
	for _, tt := range []struct {
		name string
		call func()
		want string
	}{
		{"dst", func() { Move(b[:23], b, 4, []int{2, 3}, []int{1, 2}, []int{3, 1}) }, shortDst},
		{"src", func() { Move(b, b[:23], 4, []int{2, 3}, []int{1, 2}, []int{3, 1}) }, shortSrc},
		{"no src", func() { Move(b, nil, 4, nil, nil, nil) }, shortSrc},
		{"negative stride", func() { Move(b, b, 4, []int{2, 3}, []int{1, -2}, []int{3, 1}) }, shortDst},
		{"overflow", func() { Move(b, b, 4, []int{1 << 40, 3}, []int{1 << 40, 1}, []int{3, 1}) }, shortDst},
		{"size", func() { Move(b, b, 3, []int{2}, []int{1}, []int{1}) }, badElement},
		{"strides", func() { Move(b, b, 4, []int{2}, []int{1, 1}, []int{1}) }, badShape},
		{"negative", func() { Move(b, b, 4, []int{0, -2}, []int{1, 1}, []int{1, 1}) }, badSize},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != tt.want {
					t.Errorf("%s: panic %q, want %q", tt.name, got, tt.want)
				}
			}()
			tt.call()
		}()
	}
}

func TestMoveDoesNotAllocate(t *testing.T) {
	src, dst := make([]byte, 4*30*50*2), make([]byte, 4*30*50*2)
	shape, to, from := []int{30, 50, 2}, []int{1, 30, 1500}, []int{100, 2, 1}
	for name, move := range moves {
		if n := testing.AllocsPerRun(10, func() { move(dst, src, 4, shape, to, from) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
