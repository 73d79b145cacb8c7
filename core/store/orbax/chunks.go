package orbax

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
	"github.com/loraconv/loraconv/core/store/orbax/zarr"
)

const maxChunks = 1 << 19 // that Chunks lists of one parameter

// chunkRef is the private part of a store.Chunk.
type chunkRef struct {
	array *array
	leaf  zarr.Leaf
	value *ocdbt.Value // nil if the chunk's key is missing
}

func (a *array) chunks(ctx context.Context) ([]store.Chunk, error) {
	if n := a.total(); n > maxChunks {
		return nil, fmt.Errorf("%d chunks, at most %d are supported: %w", n, maxChunks, store.ErrUnsupported)
	}
	grid := a.Grid()
	index := make([]int, len(grid))
	out := make([]store.Chunk, 0, a.total())
	for i := range a.Chunks() {
		if i&0xff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var err error
		if out, err = a.appendChunk(out, index); err != nil {
			return nil, err
		}
		step(index, grid)
	}
	slices.SortStableFunc(out, func(x, y store.Chunk) int { return slices.Compare(x.Region.Origin, y.Region.Origin) })
	for i := range out {
		out[i].Index = i
	}
	if len(out) != a.total() {
		return nil, fmt.Errorf("%d chunks, wanted %d: %w", len(out), a.total(), store.ErrChanged)
	}
	return out, nil
}

// appendChunk appends the leaves of the grid's chunk at index.
func (a *array) appendChunk(out []store.Chunk, index []int) ([]store.Chunk, error) {
	t := a.tree
	key := a.key(a.Key(index))
	v := t.db.find(key)
	var blob zarr.Blob
	if v != nil {
		blob = t.db.blob(t.dir, v)
	}
	leaves, err := a.Leaves(index, blob)
	if err != nil {
		if v != nil {
			return nil, fmt.Errorf("%s: %w", t.place(key, v), err)
		}
		return nil, fmt.Errorf("chunk %q: %w", key, err)
	}
	for _, l := range leaves {
		c := store.Chunk{Region: l.Region, Missing: l.Missing, Ref: &chunkRef{a, l, v}, Memory: zarr.FillNeed}
		if v != nil {
			c.File = t.dir.path(v.File)
			c.Offset, c.Length = v.Offset, l.Length
			if v.Inline == nil {
				c.Offset += l.Offset
			}
		}
		if !l.Missing {
			if c.Memory, err = a.Need(a.leafBlob(c.Ref.(*chunkRef)), t.maxWindow); err != nil {
				return nil, fmt.Errorf("chunk at %v, file %q, offset %d: %w", l.Region.Origin, c.File, c.Offset, err)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func (a *array) leafBlob(r *chunkRef) *section {
	b := a.tree.db.blob(a.tree.dir, r.value)
	if b.files == nil {
		b.inline = b.inline[r.leaf.Offset : r.leaf.Offset+r.leaf.Length]
	}
	b.offset += r.leaf.Offset
	b.length = r.leaf.Length
	return b
}

func (a *array) open(c store.Chunk) (io.ReadCloser, error) {
	r, ok := c.Ref.(*chunkRef)
	if !ok || r.array != a {
		return nil, fmt.Errorf("chunk %d is not one of this parameter", c.Index)
	}
	if r.leaf.Missing {
		return a.OpenFill(r.leaf.Region), nil
	}
	if !a.tree.db.ocdbt {
		// A chunk is a whole file: bytes that were added count, too.
		if size, err := a.tree.dir.Size(r.value.File); err != nil {
			return nil, err
		} else if size != r.value.Length {
			return nil, fmt.Errorf("file %q had %d bytes and has %d now: %w", c.File, r.value.Length, size, store.ErrChanged)
		}
	}
	return a.Open(r.leaf.Region, a.leafBlob(r), a.tree.maxWindow)
}
