package ocdbt

import (
	"context"
	"fmt"
	"math"
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
