package orbax

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
	"github.com/loraconv/loraconv/core/store/orbax/zarr"
	"github.com/loraconv/loraconv/core/tensor"
)

const maxLeaves = 1 << 22 // of all shards of a tree

// stored is a parameter's values, in whatever form.
type stored interface {
	dtype() tensor.DType
	shape() tensor.Shape
	chunks(ctx context.Context) ([]store.Chunk, error)
	open(c store.Chunk) (io.ReadCloser, error)
}

// array is a parameter that is stored as a zarr array.
type array struct {
	*zarr.Array
	tree    *tree
	name    string // storage name
	present int    // chunks whose key exists
	leaves  int    // of the present chunks
	holes   int    // leaves that the indices of present shards lack
}

func (a *array) dtype() tensor.DType { return a.DType }
func (a *array) shape() tensor.Shape { return a.Shape }

// key returns the key of something that belongs to the array. An empty name
// has no directory.
func (a *array) key(rest string) string {
	if a.name == "" {
		return rest
	}
	return a.name + "/" + rest
}

// findArray looks for the metadata of the array with this storage name.
func (t *tree) findArray(name string, preferV3 bool) (*array, []byte, error) {
	a := &array{tree: t, name: name}
	kinds := []string{".zarray", "zarr.json"}
	if preferV3 {
		slices.Reverse(kinds)
	}
	for _, kind := range kinds {
		v := t.db.find(a.key(kind))
		if v == nil {
			continue
		}
		if err := t.db.checkRange(t.dir, v); err != nil {
			return nil, nil, err
		}
		doc, err := t.db.read(t.dir, v, zarr.MaxDocument)
		if err != nil {
			return nil, nil, err
		}
		if kind == ".zarray" {
			a.Array, err = zarr.ParseV2(doc)
		} else {
			a.Array, err = zarr.ParseV3(doc)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", t.place(a.key(kind), v), err)
		}
		return a, doc, nil
	}
	return nil, nil, t.noArray(a)
}

// noArray says why an array is not there.
func (t *tree) noArray(a *array) error {
	for _, path := range []string{a.name, a.key(".zarray"), a.key("zarr.json")} {
		if why, ok := t.db.odd[path]; ok {
			return why
		}
	}
	if !t.db.ocdbt && !localName(a.name) {
		return fmt.Errorf("its name %q leads out of the directory of the checkpoint, or is none: %w", a.name, store.ErrCorrupt)
	}
	if !t.db.ocdbt {
		return fmt.Errorf("%s lists it, but the checkpoint holds no array %q: there is no file %q or %q, and no %s: %w", treeFile, a.name, a.key(".zarray"), a.key("zarr.json"), ocdbt.Manifest, store.ErrCorrupt)
	}
	return fmt.Errorf("%s lists it, but the checkpoint holds no array %q: %w", treeFile, a.name, store.ErrCorrupt)
}

// place names a key and where its value is.
func (t *tree) place(key string, v *ocdbt.Value) string {
	if !t.db.ocdbt {
		return fmt.Sprintf("file %q", t.dir.path(v.File))
	}
	return fmt.Sprintf("key %q in file %q, offset %d", key, t.dir.path(v.File), v.Offset)
}

// claim finds the array that each key of the database belongs to. A chunk
// outside the grid of its array, or of two arrays at once, is an error; other
// keys that no array has are returned.
func (t *tree) claim(arrays map[string]*array, each func(a *array, index []int, v *ocdbt.Value) error) (unclaimed []string, err error) {
	for i := range t.db.entries {
		e := &t.db.entries[i]
		var owner *array
		var index []int
		var outside error
		for name, rest := range splits(e.Key) {
			a := arrays[name]
			if a == nil {
				continue
			}
			if rest == ".zarray" || rest == "zarr.json" {
				owner, outside = a, nil
				break
			}
			at, ok := a.ParseKey(rest)
			switch {
			case !ok:
			case !a.InGrid(at):
				outside = fmt.Errorf("parameter %q of shape %v in chunks of %v: chunk %q lies outside it, its elements would be lost (%s): %w", a.name, a.Shape, a.Chunk, rest, t.place(e.Key, &e.Value), store.ErrCorrupt)
			case owner != nil:
				return nil, fmt.Errorf("key %q is a chunk of parameter %q and of parameter %q: %w", e.Key, owner.name, a.name, store.ErrCorrupt)
			default:
				owner, index = a, at
			}
		}
		switch {
		case owner == nil && outside != nil:
			return nil, outside
		case owner == nil:
			unclaimed = append(unclaimed, e.Key)
		case index != nil:
			if err := each(owner, index, &e.Value); err != nil {
				return nil, err
			}
		}
	}
	return unclaimed, nil
}

// splits yields the ways to cut a key into an array's name and the rest,
// longest name first. A chunk's key has at most one part for each axis, and
// perhaps a "c".
func splits(key string) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		end := len(key)
		for range tensor.MaxRank + 1 {
			end = strings.LastIndexByte(key[:end], '/')
			if end < 0 {
				yield("", key)
				return
			}
			if !yield(key[:end], key[end+1:]) {
				return
			}
		}
	}
}

// misplaced reports something at the path of a chunk that is no file. Chunks
// that are missing stand for the fill value; this one is there, and cannot be
// read.
func (t *tree) misplaced(arrays map[string]*array) error {
	chunkOf := func(path string) *array {
		for name, rest := range splits(path) {
			if a := arrays[name]; a != nil {
				if at, ok := a.ParseKey(rest); ok && a.InGrid(at) {
					return a
				}
			}
		}
		return nil
	}
	for _, path := range sortedKeys(t.db.odd) {
		if a := chunkOf(path); a != nil {
			return fmt.Errorf("parameter %q, chunk %q: %w", a.name, path, t.db.odd[path])
		}
	}
	for _, path := range t.db.folders {
		if a := chunkOf(path); a != nil && arrays[path] == nil {
			return fmt.Errorf("parameter %q: chunk %q is a directory: %w", a.name, path, store.ErrCorrupt)
		}
	}
	return nil
}

// count notes a chunk that is present, and reads the index of a shard.
func (a *array) count(index []int, v *ocdbt.Value) error {
	a.present++
	if !a.Sharded() {
		a.leaves++
		return nil
	}
	leaves, err := a.Leaves(index, a.tree.db.blob(a.tree.dir, v))
	if err != nil {
		return fmt.Errorf("parameter %q, %s: %w", a.name, a.tree.place(a.key(a.Key(index)), v), err)
	}
	a.leaves += len(leaves)
	if a.tree.leaves += len(leaves); a.tree.leaves > maxLeaves {
		return fmt.Errorf("more than %d chunks in shards: %w", maxLeaves, store.ErrUnsupported)
	}
	for _, l := range leaves {
		if l.Missing {
			a.holes++
		}
	}
	return nil
}

// total returns how many leaves the array has, present or not.
func (a *array) total() int {
	n := 1
	for i, d := range a.Shape {
		n *= (d + a.Leaf[i] - 1) / a.Leaf[i]
	}
	return n
}

func (a *array) missing() int { return a.total() - a.leaves + a.holes }

// firstMissing names a chunk that is not there.
func (a *array) firstMissing() error {
	grid := a.Grid()
	index := make([]int, len(grid))
	for range a.present + 1 {
		if key := a.key(a.Key(index)); a.tree.db.find(key) == nil {
			if why, ok := a.tree.db.odd[key]; ok {
				return why
			}
			return fmt.Errorf("chunk %q is missing: %w", key, store.ErrCorrupt)
		}
		step(index, grid)
	}
	return fmt.Errorf("%d chunks are missing in shards: %w", a.holes, store.ErrCorrupt)
}

func step(at, grid []int) {
	for k := len(at) - 1; k >= 0; k-- {
		if at[k]++; at[k] < grid[k] {
			return
		}
		at[k] = 0
	}
}
