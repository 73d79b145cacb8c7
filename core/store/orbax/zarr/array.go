package zarr

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"slices"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// Limits on what one array may ask for.
const (
	MaxDocument = 16 << 20  // bytes of a .zarray or zarr.json
	MaxDecoded  = 256 << 20 // bytes of a leaf that cannot be streamed
	maxPadding  = 4 << 30   // bytes of a leaf beyond the array
	maxShard    = 1 << 20   // chunks in one shard
	maxNesting  = 8         // shards within shards
	maxCodecs   = 16        // in one chain
)

// Blob is the value of one key.
type Blob interface {
	io.ReaderAt
	Size() int64
}

// Array is what the metadata of an array says.
type Array struct {
	Format int // 2 or 3
	DType  tensor.DType
	Shape  tensor.Shape
	Chunk  tensor.Shape // of the grid: what one key holds
	Leaf   tensor.Shape // what is stored as one piece: the chunk, or the innermost chunk of a shard

	fill      []byte // one element, little-endian
	fillFault error  // why fill is not the fill value
	big       bool   // stored big-endian
	order     []int  // axis i of a stored leaf is axis order[i] of the array
	shards    []shard
	codecs    []codec // bytes to bytes, in the order of encoding
	keys      keyEncoding
}

// FillFault reports why the fill value is not known, so that missing chunks
// cannot be read.
func (a *Array) FillFault() error { return a.fillFault }

// check reports why the array cannot be read, once all fields are set.
func (a *Array) check() error {
	if len(a.Chunk) != len(a.Shape) {
		return corrupt("chunks of %d axes in an array of %d", len(a.Chunk), len(a.Shape))
	}
	if err := a.Shape.Check(a.DType); err != nil {
		return corrupt("%w", err)
	}
	for _, s := range []tensor.Shape{a.Chunk, a.Leaf} {
		if slices.ContainsFunc(s, func(n int) bool { return n < 1 }) {
			return corrupt("chunk shape %v has an axis below 1", s)
		}
		if err := s.Check(a.DType); err != nil {
			return corrupt("chunk: %w", err)
		}
	}
	if a.count() < 0 {
		return unsupported("shape %v in chunks of %v has too many chunks", a.Shape, a.Chunk)
	}
	padded := int64(a.Leaf.Elements()) * int64(a.DType.Size())
	clipped := int64(a.DType.Size())
	for i, n := range a.Leaf {
		clipped *= int64(min(n, a.Shape[i]))
	}
	if padded-clipped > maxPadding {
		return unsupported("chunk shape %v is %d bytes larger than the array, at most %d are supported", a.Leaf, padded-clipped, int64(maxPadding))
	}
	if !a.inOrder() && padded > MaxDecoded {
		return unsupported("chunks of %d bytes that are not stored in C order must be decoded in memory, at most %d are supported", padded, MaxDecoded)
	}
	return nil
}

// inOrder reports whether leaves are stored in C order of the array's axes.
// Axes of size 1 do not matter.
func (a *Array) inOrder() bool {
	last := -1
	for _, axis := range a.order {
		if a.Leaf[axis] == 1 {
			continue
		}
		if axis < last {
			return false
		}
		last = axis
	}
	return true
}

// Grid returns the number of chunks along each axis.
func (a *Array) Grid() []int {
	g := make([]int, len(a.Shape))
	for i, n := range a.Shape {
		g[i] = n / a.Chunk[i]
		if n%a.Chunk[i] != 0 {
			g[i]++
		}
	}
	return g
}

// Chunks returns the number of chunks, which is the number of keys when
// none is missing.
func (a *Array) Chunks() int { return a.count() }

// count is the product of the grid, or -1 if that is absurd.
func (a *Array) count() int {
	g := a.Grid()
	if slices.Contains(g, 0) {
		return 0
	}
	n := uint64(1)
	for _, d := range g {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 1<<48 {
			return -1
		}
		n = lo
	}
	return int(n)
}

// InGrid reports whether index is that of a chunk.
func (a *Array) InGrid(index []int) bool {
	for i, g := range a.Grid() {
		if index[i] >= g {
			return false
		}
	}
	return len(index) == len(a.Shape)
}

// LeavesPerChunk returns how many leaves one chunk holds, padding included.
func (a *Array) LeavesPerChunk() int {
	n := 1
	for _, s := range a.shards {
		n *= s.count()
	}
	return n
}

// Sharded reports whether chunks hold an index and smaller chunks.
func (a *Array) Sharded() bool { return len(a.shards) > 0 }

// region returns the place of the leaf that begins at origin, clipped to the
// array, and whether any of it is inside.
func (a *Array) region(origin []int, shape tensor.Shape) (tensor.Region, bool) {
	return tensor.Region{Origin: origin, Shape: shape}.Intersect(tensor.Whole(a.Shape))
}

// Facts says what is particular about the storage, for people.
func (a *Array) Facts() string {
	s := fmt.Sprintf("zarr%d", a.Format)
	if a.Sharded() {
		s += " sharded"
	}
	return s
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), store.ErrCorrupt)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), store.ErrUnsupported)
}

// asCorrupt marks an error that does not yet say what it is: a document or a
// stream that a decoder did not accept.
func asCorrupt(err error) error {
	if err == nil || errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrUnsupported) || errors.Is(err, store.ErrChanged) {
		return err
	}
	// A disk that cannot be read says nothing about what is on it.
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("%w: %w", err, store.ErrCorrupt)
}
