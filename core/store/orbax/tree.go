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
	guessed := meta == nil && legacy == nil
	if meta == nil {
		if meta, err = t.guessStructure(legacy); err != nil {
			return err
		}
	}
	l := &loader{tree: t, meta: meta, legacy: legacy, arrays: map[string]*array{}, docs: map[string][]byte{}, guessed: guessed}
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

// loadStepMetadata takes the tree's own _CHECKPOINT_METADATA, else the step's;
// one that says nothing of its own does not hide the step's.
func (t *tree) loadStepMetadata(sum hash.Hash) error {
	t.man.Metadata = t.parent.description.Metadata
	if t.dir.dir != "." {
		data, err := t.dir.readAll(checkpointFile, maxStepMetadata)
		if err == nil {
			if m, err := parseStepMetadata(data); err == nil && (m.custom || t.man.Metadata == nil) {
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
