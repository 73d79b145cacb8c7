package orbax

import (
	"context"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
	"github.com/loraconv/loraconv/core/store/orbax/zarr"
)

// loader resolves the leaves of a tree.
type loader struct {
	tree    *tree
	meta    *treeMetadata
	legacy  *legacyTree
	strings map[string]string
	arrays  map[string]*array // by storage name
	docs    map[string][]byte
	guessed bool // the leaves are those that the storage holds arrays for
}

func (l *loader) run(ctx context.Context, sum hash.Hash) error {
	if err := l.loadStrings(sum); err != nil {
		return err
	}
	if l.guessed {
		if err := l.guessStrings(); err != nil {
			return err
		}
	}
	for i := range l.meta.leaves {
		if err := ctx.Err(); err != nil {
			return err
		}
		leaf := &l.meta.leaves[i]
		if err := l.resolve(leaf); err != nil {
			return fmt.Errorf("parameter %q: %w", manifest.ParamName(leaf.path), err)
		}
	}
	if err := l.claim(sum); err != nil {
		return err
	}
	for i := range l.meta.leaves {
		leaf := &l.meta.leaves[i]
		if a := l.arrays[l.arrayName(leaf.storageName())]; a != nil {
			if err := l.finish(leaf, a); err != nil {
				return fmt.Errorf("parameter %q: %w", manifest.ParamName(leaf.path), err)
			}
		}
	}
	l.describe()
	return l.loadKeyTypes(sum)
}

// arrayName returns the name of the array that is stored as name. In folders
// that is a path, and TensorStore's file driver takes a backslash in it for a
// slash, on every system.
func (l *loader) arrayName(name string) string {
	db := l.tree.db
	if db.ocdbt || !strings.Contains(name, `\`) || db.find(name+"/.zarray") != nil || db.find(name+"/zarr.json") != nil {
		return name
	}
	return strings.ReplaceAll(name, `\`, "/")
}

func (l *loader) loadStrings(sum hash.Hash) error {
	data, err := l.tree.optional(stringsFile, sum)
	if err != nil || data == nil {
		return err
	}
	l.strings, err = readStrings(data)
	return err
}

// guessStrings adds the texts to leaves that were made of the names of arrays.
func (l *loader) guessStrings() error {
	for _, name := range sortedKeys(l.strings) {
		l.meta.leaves = append(l.meta.leaves, leaf{path: strings.Split(name, "."), valueType: "string"})
	}
	if err := l.meta.checkPaths(); err != nil {
		return fmt.Errorf("%s: %w: %w", noNames(l.tree.dir.dir), err, store.ErrCorrupt)
	}
	return nil
}

// resolve finds out what a leaf is.
func (l *loader) resolve(leaf *leaf) error {
	if leaf.empty() {
		return nil
	}
	name := leaf.storageName()
	if leaf.skip {
		resolved, arrayName, err := l.resolveLegacy(leaf)
		if resolved || err != nil {
			return err
		}
		name = arrayName
	}
	if leaf.valueType == "string" {
		text, ok := l.strings[name]
		if !ok {
			return fmt.Errorf("%s has no text %q: %w", stringsFile, name, store.ErrCorrupt)
		}
		l.addString(leaf, text)
		return nil
	}
	name = l.arrayName(name)
	if _, ok := l.arrays[name]; ok {
		return fmt.Errorf("two leaves of %s share the array %q: %w", treeFile, name, store.ErrCorrupt)
	}
	a, doc, err := l.tree.findArray(name, l.meta.useZarr3)
	if err != nil {
		return err
	}
	l.arrays[name], l.docs[name] = a, doc
	return nil
}

// resolveLegacy resolves a leaf whose value may lie in the msgpack file; if
// that names an array, resolved is false.
func (l *loader) resolveLegacy(leaf *leaf) (resolved bool, array string, err error) {
	if l.legacy == nil {
		return false, "", fmt.Errorf("its value should be in the file %q: %w", legacyFile, store.ErrCorrupt)
	}
	v := l.legacy.find(leaf.path)
	if v == nil {
		return false, "", fmt.Errorf("the file %q has no value for it: %w", legacyFile, store.ErrCorrupt)
	}
	if v.Text != "" || leaf.valueType == "string" {
		name, ok := placeholder(v.Text)
		if !ok {
			l.addString(leaf, v.Text)
		} else if name != leaf.storageName() {
			return false, "", fmt.Errorf("the file %q stores it as %q: %w", legacyFile, name, store.ErrUnsupported)
		}
		return !ok, name, nil
	}
	p, err := l.legacy.value(v)
	if err == nil {
		l.add(leaf, p, manifest.Tensor{Chunks: min(1, p.size.Elements())})
	}
	return true, "", err
}

func (l *loader) addString(leaf *leaf, text string) {
	l.tree.man.Strings = append(l.tree.man.Strings, manifest.String{Path: leaf.path, Value: text})
}

func (l *loader) add(leaf *leaf, p stored, t manifest.Tensor) {
	t.Name = manifest.ParamName(leaf.path)
	t.Path = leaf.path
	t.DType, t.Shape = p.dtype(), p.shape()
	l.tree.params[t.Name] = append(l.tree.params[t.Name], p)
	l.tree.man.Tensors = append(l.tree.man.Tensors, t)
}

// claim attributes every key to an array, counts the chunks that are there,
// and completes the fingerprint with the names and sizes of the files that
// hold them.
func (l *loader) claim(sum hash.Hash) error {
	t := l.tree
	files := map[string]int64{} // and their sizes, where a file is one value
	unclaimed, err := t.claim(l.arrays, func(a *array, index []int, v *ocdbt.Value) error {
		if err := t.db.checkRange(t.dir, v); err != nil {
			return fmt.Errorf("parameter %q, chunk %q: %w", a.name, a.Key(index), err)
		}
		if v.Inline == nil {
			files[v.File] = v.Length
		}
		return a.count(index, v)
	})
	if err == nil {
		err = t.misplaced(l.arrays)
	}
	if err != nil {
		return err
	}
	for _, key := range unclaimed {
		if strings.HasSuffix("/"+key, "/.zarray") || strings.HasSuffix("/"+key, "/zarr.json") {
			t.man.Warnings = append(t.man.Warnings, fmt.Sprintf("directory %q holds an array %q that %s does not name; it is not read", t.dir.dir, key, treeFile))
		}
	}
	for _, name := range sortedKeys(l.docs) {
		hashFile(sum, "array "+name, l.docs[name])
	}
	for _, name := range sortedKeys(files) {
		size := files[name]
		if t.db.ocdbt {
			if size, err = t.dir.Size(name); err != nil {
				return err
			}
		}
		fmt.Fprintf(sum, "data %q %d\n", name, size)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// finish adds an array to the manifest, once its chunks are counted.
func (l *loader) finish(leaf *leaf, a *array) error {
	missing := a.missing()
	if missing > 0 && l.meta.strict {
		return fmt.Errorf("%d of %d chunks are missing, and %s says that all were stored: %w", missing, a.total(), treeFile, a.firstMissing())
	}
	if err := a.FillFault(); missing > 0 && err != nil {
		return fmt.Errorf("%d of %d chunks are missing and stand for the fill value: %w", missing, a.total(), err)
	}
	if err := checkWriteShape(leaf, a.Array); err != nil {
		return err
	}
	l.add(leaf, a, manifest.Tensor{Missing: missing, Chunks: a.total()})
	return nil
}

// checkWriteShape compares the shape that one process wrote at a time, where
// _METADATA records it, with the array: shards of a jax.Array tile it without
// a remainder, so that anything else means a shape that was changed.
func checkWriteShape(l *leaf, a *zarr.Array) error {
	if len(l.writeShape) != len(a.Shape) || l.valueType != "jax.Array" {
		return nil
	}
	for i, w := range l.writeShape {
		if w > 0 && a.Shape[i]%w != 0 {
			return fmt.Errorf("shape %v is no multiple of %v, the pieces that %s says were written: %w", a.Shape, l.writeShape, treeFile, store.ErrCorrupt)
		}
	}
	return nil
}

// describe notes how the tree is stored.
func (l *loader) describe() {
	t := l.tree
	facts := map[string]struct{}{}
	for _, a := range l.arrays {
		facts[a.Facts()] = struct{}{}
	}
	if len(l.arrays) > 0 {
		kind := "folders"
		if t.db.ocdbt {
			kind = "ocdbt"
		}
		t.man.Layout = append(append(t.man.Layout, kind), sortedKeys(facts)...)
	}
	if l.legacy != nil {
		t.man.Layout = append(t.man.Layout, "msgpack")
	}
}
