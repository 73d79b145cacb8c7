package safetensors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
)

// Detect reports whether path is a safetensors file, or a directory that holds
// one, or an index of some.
func Detect(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	if !st.IsDir() {
		return strings.HasSuffix(path, weightsSuffix)
	}
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() && (strings.HasSuffix(e.Name(), weightsSuffix) || strings.HasSuffix(e.Name(), indexSuffix))
	})
}

// directory implements store.Directory: one tree, ".", whose parameters keep
// their names, dots and all.
type directory struct {
	root     *os.Root
	files    []*File
	man      *manifest.Manifest
	at       map[string]located
	about    store.Description
	warnings []string
	extra    map[string]fs.FileInfo // index and adapter_config.json, as they were when read
	digest   fingerprint
}

// located is where a tensor lies.
type located struct {
	file  *File
	place Place
}

// Open opens a .safetensors file, or a directory: an adapter in PEFT's form
// (adapter_config.json and adapter_model.safetensors), else the shards that its
// index lists, else all of its .safetensors files. It reads headers only. The
// Root of a single file is that file. Errors wrap store.ErrNotFound, ErrFormat,
// ErrUnfinished, ErrCorrupt or ErrUnsupported.
func Open(ctx context.Context, path string) (store.Directory, error) {
	d, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %q: %w", path, err)
	}
	return d, nil
}

func open(ctx context.Context, path string) (*directory, error) {
	// The user named this path; it may be a link to anywhere. What lies below
	// it may not.
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(real)
	if err != nil {
		return nil, err
	}
	dir := real
	if !st.IsDir() {
		dir = filepath.Dir(real)
	}
	d := &directory{at: map[string]located{}, extra: map[string]fs.FileInfo{}}
	if d.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	d.about.Root = filepath.Clean(path)
	if st.IsDir() {
		err = d.readDirectory(ctx)
	} else {
		err = d.readFiles(ctx, &choice{format: "safetensors", layout: "1 file", weights: []string{filepath.Base(real)}}, nil)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.describe()
	return d, nil
}

func (d *directory) readDirectory(ctx context.Context) error {
	l, err := list(d.root)
	if err != nil {
		return err
	}
	c, err := l.choose()
	if err != nil {
		return err
	}
	d.about.Files, d.warnings = l.side, l.warnings
	var x *Index
	if c.index != "" {
		if x, err = d.readIndex(c.index); err != nil {
			return err
		}
		if err := c.listed(x, l); err != nil {
			return err
		}
	}
	if c.format == "peft" {
		if err := d.readAdapterConfig(); err != nil {
			return err
		}
	}
	for _, f := range c.ignored {
		d.warnings = append(d.warnings, fmt.Sprintf("%q is no part of this model (%s) and is not read", f, c.layout))
	}
	return d.readFiles(ctx, c, x)
}

// readFiles reads the headers of what was chosen and checks them against the
// index.
func (d *directory) readFiles(ctx context.Context, c *choice, x *Index) error {
	d.man = &manifest.Manifest{Format: c.format, Layout: []string{c.layout}, Tree: "."}
	for _, name := range c.weights {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, _, err := store.OpenRegular(d.root, name)
		if err != nil {
			return err
		}
		sf, err := OpenFile(f, name)
		if err != nil {
			return err
		}
		d.files = append(d.files, sf)
		d.digest.add(name, sf.stat.Size(), sf.header[:])
		if err := d.add(sf, x); err != nil {
			return err
		}
	}
	return d.compare(c, x)
}

func (d *directory) add(sf *File, x *Index) error {
	for _, p := range sf.Places {
		if other, twice := d.at[p.Name]; twice {
			return fmt.Errorf("tensor %q is in %q and in %q: %w", p.Name, other.file.Name, sf.Name, store.ErrCorrupt)
		}
		if x != nil && x.Shards[p.Name] != sf.Name {
			says := "does not list it"
			if s := x.Shards[p.Name]; s != "" {
				says = fmt.Sprintf("says %q", s)
			}
			return fmt.Errorf("tensor %q is in %q, the index %s: %w", p.Name, sf.Name, says, store.ErrCorrupt)
		}
		d.at[p.Name] = located{sf, p}
		d.man.Tensors = append(d.man.Tensors, manifest.Tensor{Name: p.Name, Path: []string{p.Name}, DType: p.DType, Shape: p.Shape, Chunks: 1})
	}
	return nil
}

// compare checks the other direction: what the index lists is there.
func (d *directory) compare(c *choice, x *Index) error {
	if x == nil {
		return nil
	}
	var total int64
	for _, name := range slices.Sorted(maps.Keys(x.Shards)) {
		l, ok := d.at[name]
		if !ok {
			return fmt.Errorf("tensor %q: the index %q says that it is in %q, which does not have it: %w", name, c.index, x.Shards[name], store.ErrCorrupt)
		}
		total += l.place.Bytes
	}
	if x.TotalSize >= 0 && x.TotalSize != total {
		d.warnings = append(d.warnings, fmt.Sprintf("the index %q gives a total_size of %d bytes, the tensors have %d", c.index, x.TotalSize, total))
	}
	return nil
}

func (d *directory) readIndex(name string) (*Index, error) {
	b, err := d.readAll(name, maxIndex)
	if err != nil {
		return nil, err
	}
	x, err := ParseIndex(b)
	if err != nil {
		return nil, fmt.Errorf("file %q: %w: %w", name, store.ErrCorrupt, err)
	}
	return x, nil
}

// readAdapterConfig keeps the adapter's settings as the tree's metadata.
func (d *directory) readAdapterConfig() error {
	b, err := d.readAll(adapterConfig, 16<<20)
	if err != nil {
		return err
	}
	t, err := newTokens(b)
	if err == nil {
		err = t.object(func(string) error { _, err := t.skip(); return err })
	}
	if err == nil {
		err = t.end(b, " \t\r\n")
	}
	if err != nil {
		return fmt.Errorf("file %q: it is no JSON object whose keys stand once: %w: %w", adapterConfig, err, store.ErrCorrupt)
	}
	d.about.Metadata = b
	return nil
}

// readAll reads a metadata file, which becomes part of the fingerprint.
func (d *directory) readAll(name string, limit int64) ([]byte, error) {
	f, info, err := store.OpenRegular(d.root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > limit {
		return nil, fmt.Errorf("file %q has %d bytes, at most %d are supported: %w", name, info.Size(), limit, store.ErrUnsupported)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("file %q: %w", name, shorter(err, info.Size()))
	}
	sum := sha256.Sum256(b)
	d.digest.add(name, info.Size(), sum[:])
	d.extra[name] = info
	return b, nil
}

// describe completes the manifest and the description.
func (d *directory) describe() {
	if d.about.Metadata == nil {
		d.about.Metadata = d.fileMetadata()
	}
	m := d.man
	m.Files, m.Metadata, m.Warnings = d.about.Files, d.about.Metadata, d.warnings
	m.Fingerprint = d.digest.sum()
	m.Sort()
	d.about.Format, d.about.Layout, d.about.Trees, d.about.Warnings = m.Format, m.Layout, []string{"."}, d.warnings
}

// fileMetadata is the __metadata__ that all files share; nil if there is none
// or they differ, which is said.
func (d *directory) fileMetadata() []byte {
	if len(d.files) == 0 {
		return nil
	}
	first := d.files[0]
	for _, f := range d.files[1:] {
		if !maps.Equal(f.Metadata, first.Metadata) {
			d.warnings = append(d.warnings, fmt.Sprintf("%q and %q differ in their %s, which is left out", first.Name, f.Name, metadataKey))
			return nil
		}
	}
	if len(first.Metadata) == 0 {
		return nil
	}
	b, err := json.Marshal(first.Metadata)
	if err != nil {
		panic("safetensors: a map of strings that cannot be written")
	}
	return b
}

// Describe implements store.Directory.
func (d *directory) Describe() store.Description { return d.about }

// Tree implements store.Directory. The one tree lives as long as the directory.
func (d *directory) Tree(name string) (store.Reader, error) {
	if name != "." {
		return nil, fmt.Errorf("checkpoint %q: no tree %q, there is \".\": %w", d.about.Root, name, store.ErrNotFound)
	}
	return reader{d}, nil
}

// Close implements store.Directory.
func (d *directory) Close() error {
	errs := []error{d.root.Close()}
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// fingerprint digests names, sizes and the content of headers and metadata
// files: a line for each, "name" size hex.
type fingerprint struct{ lines []string }

func (f *fingerprint) add(name string, size int64, sum []byte) {
	f.lines = append(f.lines, fmt.Sprintf("%q %d %s\n", name, size, hex.EncodeToString(sum)))
}

func (f *fingerprint) sum() string {
	h := sha256.Sum256([]byte("safetensors 1\n" + strings.Join(f.lines, "")))
	return hex.EncodeToString(h[:])
}
