package orbax

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
	"github.com/loraconv/loraconv/core/store/orbax/zarr"
)

// maxMetadata bounds the metadata files that are read whole.
const maxMetadata = 64 << 20

// tree is one directory of parameters; it implements store.Reader.
type tree struct {
	parent    *directory
	dir       below
	db        *database
	maxWindow int64
	leaves    int // counted against maxLeaves
	params    map[string][]stored
	man       *manifest.Manifest
}

// openTree reads everything but values.
func openTree(ctx context.Context, parent *directory, name string) (*tree, error) {
	t := &tree{parent: parent, dir: below{newFileSet(parent.root), name}, maxWindow: parent.options.maxWindow(), params: map[string][]stored{}}
	if err := t.load(ctx, name); err != nil {
		_ = t.dir.close()
		return nil, err
	}
	return t, nil
}

func (t *tree) load(ctx context.Context, name string) error {
	sum := sha256.New()
	t.man = &manifest.Manifest{Format: "orbax", Tree: name, Layout: slices.Clone(t.parent.description.Layout), Files: slices.Clone(t.parent.description.Files)}
	if err := t.loadStepMetadata(sum); err != nil {
		return err
	}
	meta, legacy, err := t.loadStructure(sum)
	if err != nil {
		return err
	}
	var use *bool
	if meta != nil {
		use = meta.useOCDBT
	}
	if t.db, err = openDatabase(ctx, t.dir, use, sum); err != nil {
		return err
	}
	if meta == nil {
		if meta, err = t.guessStructure(legacy); err != nil {
			return err
		}
	}
	l := &loader{tree: t, meta: meta, legacy: legacy, arrays: map[string]*array{}, docs: map[string][]byte{}}
	if err := l.run(ctx, sum); err != nil {
		return err
	}
	t.man.Sort()
	slices.SortFunc(t.man.Strings, func(a, b manifest.String) int { return slices.Compare(a.Path, b.Path) })
	t.man.Fingerprint = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return nil
}

// hashFile adds a metadata file to the fingerprint.
func hashFile(sum hash.Hash, name string, data []byte) {
	fmt.Fprintf(sum, "file %q %d\n", name, len(data))
	sum.Write(data)
}

// optional reads a metadata file that need not be there.
func (t *tree) optional(name string, sum hash.Hash) ([]byte, error) {
	data, err := t.dir.readAll(name, maxMetadata)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	hashFile(sum, name, data)
	return data, nil
}

// loadStepMetadata takes the tree's own _CHECKPOINT_METADATA, else the step's.
func (t *tree) loadStepMetadata(sum hash.Hash) error {
	t.man.Metadata = t.parent.description.Metadata
	if t.dir.dir != "." {
		data, err := t.dir.readAll(checkpointFile, maxStepMetadata)
		if err == nil {
			if m, err := parseStepMetadata(data); err == nil {
				t.man.Metadata = m.doc
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if t.man.Metadata != nil {
		hashFile(sum, checkpointFile, t.man.Metadata)
	}
	return nil
}

// loadStructure reads _METADATA and the msgpack file; either may be missing.
func (t *tree) loadStructure(sum hash.Hash) (meta *treeMetadata, legacy *legacyTree, err error) {
	data, err := t.optional(treeFile, sum)
	if err != nil {
		return nil, nil, err
	}
	if data != nil {
		if meta, err = parseMetadata(data); err != nil {
			return nil, nil, fmt.Errorf("file %q: %w", t.dir.path(treeFile), err)
		}
	}
	// A directory of that name is a parameter called "checkpoint".
	if info, err := t.dir.root.Stat(t.dir.path(legacyFile)); err == nil && info.Mode().IsRegular() {
		if legacy, err = openLegacy(t.dir); err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(sum, "data %q %d\n", legacyFile, info.Size())
	}
	return meta, legacy, nil
}

// guessStructure makes up for a missing _METADATA: from the msgpack file, or
// from the names of the arrays, which do not tell where a name was joined.
func (t *tree) guessStructure(legacy *legacyTree) (*treeMetadata, error) {
	m := &treeMetadata{}
	if legacy != nil {
		t.man.Layout = append(t.man.Layout, fmt.Sprintf("no %s: names are those of the file %q", treeFile, legacyFile))
		m.leaves = legacy.leaves()
		return m, m.checkPaths()
	}
	for i := range t.db.entries {
		key := "/" + t.db.entries[i].Key
		name, ok := strings.CutSuffix(key, "/.zarray")
		if !ok {
			if name, ok = strings.CutSuffix(key, "/zarr.json"); !ok {
				continue
			}
		}
		l := leaf{path: []string{}, valueType: "np.ndarray"}
		if name != "" {
			l.path = strings.Split(name[1:], ".")
		}
		m.leaves = append(m.leaves, l)
	}
	if len(m.leaves) == 0 {
		return nil, fmt.Errorf("directory %q has no %s and holds no arrays: %w", t.dir.dir, treeFile, store.ErrFormat)
	}
	warning := noNames(t.dir.dir)
	t.man.Warnings = append(t.man.Warnings, warning)
	if err := m.checkPaths(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", warning, err, store.ErrCorrupt)
	}
	return m, nil
}

// Manifest implements store.Reader.
func (t *tree) Manifest() *manifest.Manifest { return t.man }

func (t *tree) param(name string) (stored, error) {
	switch p := t.params[name]; len(p) {
	case 0:
		return nil, fmt.Errorf("parameter %q: %w", name, store.ErrNotFound)
	case 1:
		return p[0], nil
	default:
		return nil, fmt.Errorf("%d parameters have the name %q: %w", len(p), name, store.ErrUnsupported)
	}
}

// Chunks implements store.Reader. It reads the indices of shards and the
// headers of frames.
func (t *tree) Chunks(name string) ([]store.Chunk, error) {
	p, err := t.param(name)
	if err != nil {
		return nil, err
	}
	chunks, err := p.chunks(context.Background())
	if err != nil {
		return nil, fmt.Errorf("parameter %q: %w", name, err)
	}
	return chunks, nil
}

// Open implements store.Reader.
func (t *tree) Open(ctx context.Context, name string, c store.Chunk) (io.ReadCloser, error) {
	p, err := t.param(name)
	if err != nil {
		return nil, err
	}
	s := &chunkStream{ctx: ctx, name: name, chunk: c}
	if s.r, err = p.open(c); err != nil {
		return nil, s.wrap(err)
	}
	return s, nil
}

// chunkStream says, in its errors, which chunk of which parameter it is.
type chunkStream struct {
	ctx   context.Context
	name  string
	chunk store.Chunk
	r     io.ReadCloser
}

func (s *chunkStream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = s.wrap(err)
	}
	return n, err
}

func (s *chunkStream) wrap(err error) error {
	return fmt.Errorf("parameter %q, chunk at %v, file %q, offset %d: %w", s.name, s.chunk.Region.Origin, s.chunk.File, s.chunk.Offset, err)
}

func (s *chunkStream) Close() error { return s.r.Close() }

// Recheck implements store.Reader.
func (t *tree) Recheck() error {
	if err := t.dir.recheck(); err != nil {
		return err
	}
	return t.parent.files.recheck()
}

// Close implements store.Reader.
func (t *tree) Close() error { return t.dir.close() }

// loader resolves the leaves of a tree.
type loader struct {
	tree    *tree
	meta    *treeMetadata
	legacy  *legacyTree
	strings map[string]string
	arrays  map[string]*array // by storage name
	docs    map[string][]byte
}

func (l *loader) run(ctx context.Context, sum hash.Hash) error {
	if err := l.loadStrings(sum); err != nil {
		return err
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
		if a := l.arrays[leaf.storageName()]; a != nil {
			if err := l.finish(leaf, a); err != nil {
				return fmt.Errorf("parameter %q: %w", manifest.ParamName(leaf.path), err)
			}
		}
	}
	l.describe()
	return l.loadKeyTypes(sum)
}

func (l *loader) loadStrings(sum hash.Hash) error {
	data, err := l.tree.optional(stringsFile, sum)
	if err != nil || data == nil {
		return err
	}
	l.strings, err = readStrings(data)
	return err
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
