package zarr

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/loraconv/loraconv/core/tensor"
)

// shard is one level of sharding. A stored shard is
//
//	chunk ... chunk index    or    index chunk ... chunk
//
// where the index has offset and size of every chunk of the grid, in C order,
// as 8 byte numbers, then perhaps a CRC-32C of them. Both numbers are 2^64-1
// for a chunk that is missing.
type shard struct {
	grid  []int        // chunks along each stored axis
	inner tensor.Shape // of a chunk, stored axes
	order []int        // stored axis i is axis order[i] of the array
	start bool         // the index comes first
	big   bool         // the index is big-endian
	crc   bool         // the index ends with a checksum
}

func newShard(spec codecSpec, outer tensor.Shape, order []int) (shard, error) {
	s := shard{inner: spec.shape, order: order}
	if len(spec.shape) != len(outer) {
		return s, corrupt("shards of %d axes hold chunks of %d", len(outer), len(spec.shape))
	}
	n := 1
	for i, inner := range spec.shape {
		if inner < 1 || outer[i] < 1 || outer[i]%inner != 0 {
			return s, corrupt("chunk shape %v does not divide the shard shape %v", spec.shape, outer)
		}
		s.grid = append(s.grid, outer[i]/inner)
		if n *= outer[i] / inner; n > maxShard {
			return s, unsupported("shard of more than %d chunks", maxShard)
		}
	}
	switch spec.location {
	case "start":
		s.start = true
	case "end":
	default:
		return s, corrupt("index_location %q", spec.location)
	}
	return s, s.readIndexCodecs(spec.index)
}

func (s *shard) readIndexCodecs(chain []codecSpec) error {
	if len(chain) == 0 || chain[0].name != "bytes" {
		return unsupported("index codecs that do not begin with \"bytes\"")
	}
	var err error
	if s.big, err = chain[0].bigEndian(8); err != nil {
		return err
	}
	switch rest := chain[1:]; {
	case len(rest) == 0:
	case len(rest) == 1 && rest[0].name == "crc32c":
		s.crc = true
	default:
		return unsupported("index codec %q", rest[0].name)
	}
	return nil
}

func (s *shard) count() int {
	n := 1
	for _, g := range s.grid {
		n *= g
	}
	return n
}

// span is a range of a shard's bytes.
type span struct {
	offset, length int64
	missing        bool
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readIndex reads the index of a stored shard and checks that its chunks lie
// inside the shard, beside the index and beside each other.
func (s *shard) readIndex(b Blob) ([]span, error) {
	n := int64(s.count())
	size := 16 * n
	if s.crc {
		size += 4
	}
	if b.Size() < size {
		return nil, corrupt("shard of %d bytes, its index alone has %d", b.Size(), size)
	}
	at := b.Size() - size
	from, to := int64(0), at
	if s.start {
		at, from, to = 0, size, b.Size()
	}
	raw := make([]byte, size)
	if err := readAt(b, raw, at); err != nil {
		return nil, err
	}
	return s.decodeIndex(raw, from, to)
}

// decodeIndex decodes the bytes of an index whose chunks must lie in
// [from, to).
func (s *shard) decodeIndex(raw []byte, from, to int64) ([]span, error) {
	n := s.count()
	if s.crc {
		body := raw[:16*n]
		if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(raw[16*n:]); got != want {
			return nil, corrupt("CRC-32C of the shard index is %08x, the file says %08x", got, want)
		}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if s.big {
		order = binary.BigEndian
	}
	spans := make([]span, n)
	used := make([]span, 0, n)
	for i := range spans {
		offset, length := order.Uint64(raw[16*i:]), order.Uint64(raw[16*i+8:])
		if offset == math.MaxUint64 && length == math.MaxUint64 {
			spans[i].missing = true
			continue
		}
		if offset < uint64(from) || offset > uint64(to) || length > uint64(to)-offset {
			return nil, corrupt("chunk %d of the shard: %d bytes at %d, outside %d..%d", i, length, offset, from, to)
		}
		spans[i] = span{offset: int64(offset), length: int64(length)}
		used = append(used, spans[i])
	}
	slices.SortFunc(used, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	for i := 1; i < len(used); i++ {
		if end := used[i-1].offset + used[i-1].length; end > used[i].offset {
			return nil, corrupt("chunks of the shard overlap at %d", used[i].offset)
		}
	}
	return spans, nil
}

func readAt(b io.ReaderAt, p []byte, at int64) error {
	n, err := b.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == io.EOF || err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Leaf is one stored piece of an array.
type Leaf struct {
	Region         tensor.Region // clipped to the array
	Offset, Length int64         // within the value of the chunk's key
	Missing        bool          // was never written; reads as the fill value
}

// Leaves lists the leaves of the chunk at index, in the order in which they are
// stored, leaving out those that lie wholly beyond the array, which must be
// missing. b is the value of its key, nil if there is none.
func (a *Array) Leaves(index []int, b Blob) ([]Leaf, error) {
	origin := make([]int, len(index))
	for i, n := range index {
		origin[i] = n * a.Chunk[i]
	}
	if len(a.shards) == 0 || b == nil && a.LeavesPerChunk() == 1 {
		r, _ := a.region(origin, a.Leaf)
		l := Leaf{Region: r, Missing: b == nil}
		if b != nil {
			l.Length = b.Size()
		}
		return []Leaf{l}, nil
	}
	if n := a.LeavesPerChunk(); n > maxShard {
		return nil, unsupported("shard of %d chunks, at most %d are supported", n, maxShard)
	}
	var out []Leaf
	return out, a.descend(a.shards, origin, b, 0, &out)
}

// descend lists the leaves of a shard that begins at origin. Its bytes are b,
// which lies at base in the value; b is nil if the shard is missing.
func (a *Array) descend(levels []shard, origin []int, b Blob, base int64, out *[]Leaf) error {
	if len(levels) == 0 {
		r, ok := a.region(origin, a.Leaf)
		if !ok && len(a.Shape) > 0 {
			if b != nil {
				return corrupt("the shard holds a chunk at %v, beyond the shape %v of the array: its elements would be lost (was the shape changed?)", origin, a.Shape)
			}
			return nil
		}
		l := Leaf{Region: r, Missing: b == nil}
		if b != nil {
			l.Offset, l.Length = base, b.Size()
		}
		*out = append(*out, l)
		return nil
	}
	s := &levels[0]
	var spans []span
	if b != nil {
		var err error
		if spans, err = s.readIndex(b); err != nil {
			return err
		}
	}
	at := make([]int, len(s.grid))
	for i := range s.count() {
		sub := slices.Clone(origin)
		for k, axis := range s.order {
			sub[axis] += at[k] * s.inner[k]
		}
		var inner Blob
		offset := int64(0)
		if spans != nil && !spans[i].missing {
			offset = spans[i].offset
			inner = io.NewSectionReader(b, offset, spans[i].length)
		}
		if err := a.descend(levels[1:], sub, inner, base+offset, out); err != nil {
			return err
		}
		step(at, s.grid)
	}
	return nil
}

// step moves at to the next index of a grid, in C order.
func step(at, grid []int) {
	for k := len(at) - 1; k >= 0; k-- {
		if at[k]++; at[k] < grid[k] {
			return
		}
		at[k] = 0
	}
}
