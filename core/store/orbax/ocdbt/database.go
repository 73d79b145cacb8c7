package ocdbt

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/store"
)

// Files gives access to the files of a database. Names are slash-separated and
// relative to its directory; a name that reaches ReadAt has passed CheckPath.
type Files interface {
	// Size returns the size of a file; an error that wraps store.ErrNotFound
	// if there is none.
	Size(name string) (int64, error)
	// ReadAt fills p from offset.
	ReadAt(name string, p []byte, offset int64) error
	// Names lists the names in the database's directory.
	Names() ([]string, error)
}

// Value says where the bytes of a value are.
type Value struct {
	Inline []byte // the value itself; nil if it lies in a data file
	// File, Offset and Length say where the value lies in a data file. For an
	// inline value File and Offset are those of the leaf that holds it.
	File           string
	Offset, Length int64
}

// Entry is a key and where its value is.
type Entry struct {
	Key   string
	Value Value
}

// Index is a piece of the database's own index, for those who fingerprint it.
type Index struct {
	Name  string // file, and for a node offset and length
	Bytes []byte
}

// Database is the latest version of a database.
type Database struct {
	Generation uint64
	Entries    []Entry // sorted by key

	files    Files
	manifest *manifest
}

// Manifest is the name of the file that a database begins with.
const Manifest = "manifest.ocdbt"

// Open reads the manifest and the whole B-tree of the latest version. onIndex,
// if not nil, is called with every manifest and node that was read, in order.
func Open(ctx context.Context, files Files, onIndex func(Index)) (*Database, error) {
	if onIndex == nil {
		onIndex = func(Index) {}
	}
	m, err := openManifest(files, onIndex)
	if err != nil {
		return nil, err
	}
	db := &Database{files: files, manifest: m}
	if len(m.versions) == 0 { // numbered manifests, of which there is none yet
		return db, nil
	}
	latest := m.versions[len(m.versions)-1]
	db.Generation = latest.Generation
	if latest.root.missing() {
		return db, nil
	}
	w := &walk{ctx: ctx, files: files, onIndex: onIndex, seen: map[seenNode]struct{}{}}
	if err := w.node(latest.root, latest.height, "", "", "", false); err != nil {
		return nil, err
	}
	db.Entries = w.entries
	return db, nil
}

// openManifest reads manifest.ocdbt and, if that says so, the numbered
// manifest with the highest number.
func openManifest(files Files, onIndex func(Index)) (*manifest, error) {
	m, err := readManifest(files, Manifest, onIndex)
	if err != nil || !m.numbered {
		return m, err
	}
	name, number, err := latestNumbered(files)
	if err != nil || name == "" {
		return m, err
	}
	n, err := readManifest(files, name, onIndex)
	if err != nil {
		return nil, err
	}
	if n.numbered || n.uuid != m.uuid || n.arity != m.arity {
		return nil, fmt.Errorf("file %q: not a manifest of the database of %q: %w", name, Manifest, store.ErrCorrupt)
	}
	if last := n.versions[len(n.versions)-1].Generation; last != number {
		return nil, fmt.Errorf("file %q: last generation is %d: %w", name, last, store.ErrCorrupt)
	}
	return n, nil
}

func readManifest(files Files, name string, onIndex func(Index)) (*manifest, error) {
	size, err := files.Size(name)
	if err != nil {
		return nil, err
	}
	if size > maxEnvelope {
		return nil, fmt.Errorf("file %q: manifest of %d bytes, at most %d are supported: %w", name, size, maxEnvelope, store.ErrUnsupported)
	}
	data := make([]byte, size)
	if err := files.ReadAt(name, data, 0); err != nil {
		return nil, err
	}
	onIndex(Index{name, data})
	body, err := openEnvelope(data, magicManifest)
	if err != nil {
		return nil, fmt.Errorf("file %q: OCDBT manifest: %w", name, err)
	}
	m, err := decodeManifest(body)
	if err != nil {
		return nil, fmt.Errorf("file %q: OCDBT manifest: %w", name, err)
	}
	return m, nil
}

// latestNumbered finds the numbered manifest with the highest number, or "".
func latestNumbered(files Files) (name string, number uint64, err error) {
	names, err := files.Names()
	if err != nil {
		return "", 0, err
	}
	for _, n := range names {
		digits, ok := strings.CutPrefix(n, "manifest.")
		if !ok || len(digits) != 16 || strings.Trim(digits, "0123456789abcdef") != "" {
			continue
		}
		if v, err := strconv.ParseUint(digits, 16, 64); err == nil && v > number {
			name, number = n, v
		}
	}
	return name, number, nil
}

type seenNode struct {
	file           string
	offset, length uint64
}

// walk descends through a B-tree, depth first, left to right.
type walk struct {
	ctx     context.Context
	files   Files
	onIndex func(Index)
	seen    map[seenNode]struct{}
	decoded int
	keys    int // bytes of keys
	entries []Entry
}

// node reads the node at l. Its full keys begin with prefix and lie in
// [lower, upper), or at or above lower where bounded is false. The references
// of l were read under the transitive path that l.file.base includes.
func (w *walk) node(l location, height uint8, prefix, lower, upper string, bounded bool) error {
	entries, err := w.read(l, height)
	if err != nil {
		return err
	}
	wrap := func(format string, args ...any) error {
		return fmt.Errorf("file %q, offset %d: OCDBT node: %w: %w", l.file.path, l.offset, fmt.Errorf(format, args...), store.ErrCorrupt)
	}
	if first := prefix + entries[0].key; first < lower {
		return wrap("key %q lies before %q, where the node begins", first, lower)
	}
	if last := prefix + entries[len(entries)-1].key; bounded && last >= upper {
		return wrap("key %q lies at or behind %q, where the next node begins", last, upper)
	}
	if height == 0 {
		return w.leaf(l, prefix, entries, wrap)
	}
	for i, e := range entries {
		key := prefix + e.key
		next, nextBounded := upper, bounded
		if i+1 < len(entries) {
			next, nextBounded = prefix+entries[i+1].key, true
		}
		if len(prefix)+e.common > maxPath {
			return wrap("keys of more than %d bytes", maxPath)
		}
		if err := w.node(e.at, height-1, key[:len(prefix)+e.common], key, next, nextBounded); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(l location, prefix string, entries []entry, wrap func(string, ...any) error) error {
	if len(w.entries)+len(entries) > maxEntries {
		return fmt.Errorf("OCDBT database of more than %d keys: %w", maxEntries, store.ErrUnsupported)
	}
	w.entries = slices.Grow(w.entries, len(entries))
	for _, e := range entries {
		if w.keys += len(prefix) + len(e.key); w.keys > maxNode {
			return fmt.Errorf("OCDBT database with more than %d bytes of keys: %w", maxNode, store.ErrUnsupported)
		}
		v := Value{Inline: e.inline, File: l.file.path, Offset: int64(l.offset), Length: int64(len(e.inline))}
		if e.inline == nil {
			v = Value{File: e.at.file.path, Offset: int64(e.at.offset), Length: int64(e.at.length)}
			if err := CheckPath(v.File); err != nil && (v.Length > 0 || v.File != "") {
				return wrap("value of key %q: %w", prefix+e.key, err)
			}
			if v.Length == 0 {
				v.Inline = []byte{}
			}
		}
		w.entries = append(w.entries, Entry{prefix + e.key, v})
	}
	return nil
}

// read reads and decodes one node, once.
func (w *walk) read(l location, height uint8) ([]entry, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	name := l.file.path
	wrap := func(err error) error {
		return fmt.Errorf("file %q, offset %d: OCDBT node: %w", name, l.offset, err)
	}
	if err := CheckPath(name); err != nil {
		return nil, wrap(err)
	}
	id := seenNode{name, l.offset, l.length}
	if _, ok := w.seen[id]; ok {
		return nil, wrap(fmt.Errorf("the tree holds this node twice: %w", store.ErrCorrupt))
	}
	if w.seen[id] = struct{}{}; len(w.seen) > maxNodes {
		return nil, wrap(fmt.Errorf("tree of more than %d nodes: %w", maxNodes, store.ErrUnsupported))
	}
	data, err := readBlob(w.files, l)
	if err != nil {
		return nil, wrap(err)
	}
	w.onIndex(Index{fmt.Sprintf("%s %d %d", name, l.offset, l.length), data})
	body, err := openEnvelope(data, magicNode)
	if err != nil {
		return nil, wrap(err)
	}
	if w.decoded += len(body); w.decoded > maxDecoded {
		return nil, wrap(fmt.Errorf("tree of more than %d decoded bytes: %w", maxDecoded, store.ErrUnsupported))
	}
	entries, err := decodeNode(body, l.file.path[:l.file.base], height)
	if err != nil {
		return nil, wrap(err)
	}
	return entries, nil
}

// readBlob reads the envelope of a node, after checking it against the file.
func readBlob(files Files, l location) ([]byte, error) {
	if l.length > maxEnvelope {
		return nil, fmt.Errorf("%d bytes, at most %d are supported: %w", l.length, maxEnvelope, store.ErrUnsupported)
	}
	size, err := files.Size(l.file.path)
	if err != nil {
		return nil, err
	}
	if l.offset > math.MaxInt64 || size < int64(l.offset) || uint64(size)-l.offset < l.length {
		return nil, fmt.Errorf("%d bytes wanted of a file of %d: %w", l.length, size, store.ErrCorrupt)
	}
	data := make([]byte, l.length)
	return data, files.ReadAt(l.file.path, data, int64(l.offset))
}

// Versions lists all generations that the manifest still knows, oldest first,
// reading the version nodes. It is for tests and tools: values of the latest
// generation need none of it.
func (db *Database) Versions(ctx context.Context) ([]Version, error) {
	var out []Version
	nodes := 0
	var descend func(versionRef) error
	descend = func(r versionRef) error {
		if nodes++; nodes > maxNodes {
			return fmt.Errorf("more than %d version nodes: %w", maxNodes, store.ErrUnsupported)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := db.readVersionNode(r)
		if err != nil {
			return fmt.Errorf("file %q, offset %d: OCDBT version node: %w", r.location.file.path, r.location.offset, err)
		}
		out = append(out, n.versions...)
		for _, child := range n.refs {
			if err := descend(child); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range db.manifest.refs {
		if err := descend(r); err != nil {
			return nil, err
		}
	}
	return append(out, db.manifest.versions...), nil
}

func (db *Database) readVersionNode(r versionRef) (*versionNode, error) {
	if err := CheckPath(r.location.file.path); err != nil {
		return nil, err
	}
	data, err := readBlob(db.files, r.location)
	if err != nil {
		return nil, err
	}
	body, err := openEnvelope(data, magicVersion)
	if err != nil {
		return nil, err
	}
	return decodeVersionNode(body, r.location.file.path[:r.location.file.base], db.manifest.arity, r)
}
