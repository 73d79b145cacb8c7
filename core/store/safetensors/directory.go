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
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

const (
	indexSuffix   = ".safetensors.index.json"
	adapterConfig = "adapter_config.json"
	maxIndex      = 64 << 20
)

// Detect reports whether path is a safetensors file, or a directory that holds
// one.
func Detect(path string) bool {
	if strings.HasSuffix(path, ".safetensors") {
		st, err := os.Stat(path)
		return err == nil && !st.IsDir()
	}
	m, err := filepath.Glob(filepath.Join(escape(path), "*.safetensors"))
	return err == nil && len(m) > 0
}

// escape takes a path out of Glob's pattern language.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// Open opens a .safetensors file, or a directory: the shards that its index
// names, else all of its .safetensors files.
func Open(_ context.Context, path string) (store.Directory, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, store.ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	dir, only := path, ""
	if !st.IsDir() {
		dir, only = filepath.Dir(path), filepath.Base(path)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &directory{root: root, path: dir}
	if err := d.open(only); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

type directory struct {
	root  *os.Root
	path  string
	files []*File
	man   *manifest.Manifest
	at    map[string]located
	about store.Description
}

type located struct {
	file  *File
	place Place
}

func (d *directory) open(only string) error {
	names, index, err := d.names(only)
	if err != nil {
		return err
	}
	d.at = map[string]located{}
	d.man = &manifest.Manifest{Format: "safetensors", Tree: "."}
	digest := sha256.New()
	for _, n := range names {
		f, err := d.root.Open(n)
		if err != nil {
			return fmt.Errorf("%s: %w", n, notFound(err))
		}
		sf, err := OpenFile(f, n)
		if err != nil {
			return err
		}
		d.files = append(d.files, sf)
		if err := d.add(sf, index, digest); err != nil {
			return err
		}
	}
	for t, shard := range index {
		if _, ok := d.at[t]; !ok {
			return fmt.Errorf("%w: the index says that %q holds %q, which it does not", store.ErrCorrupt, shard, t)
		}
	}
	if _, err := d.root.Stat(adapterConfig); err == nil && only == "" {
		d.man.Format = "peft"
	}
	d.man.Fingerprint = hex.EncodeToString(digest.Sum(nil))
	d.man.Sort()
	layout := fmt.Sprintf("%d file", len(names))
	if len(names) != 1 {
		layout += "s"
	}
	d.man.Layout = []string{layout}
	d.about = store.Description{Root: d.path, Format: d.man.Format, Layout: d.man.Layout, Trees: []string{"."}, Files: d.side(names)}
	d.man.Files = d.about.Files
	return nil
}

func (d *directory) add(sf *File, index map[string]string, digest io.Writer) error {
	fmt.Fprintf(digest, "%s\x00%d\x00", sf.Name, sf.stat.Size())
	for _, p := range sf.Places {
		if other, twice := d.at[p.Name]; twice {
			return fmt.Errorf("%w: %q is in %s and in %s", store.ErrCorrupt, p.Name, other.file.Name, sf.Name)
		}
		if index != nil && index[p.Name] != sf.Name {
			return fmt.Errorf("%w: %s holds %q, the index says %q", store.ErrCorrupt, sf.Name, p.Name, index[p.Name])
		}
		fmt.Fprintf(digest, "%s\x00%s\x00%v\x00%d\x00", p.Name, p.DType, p.Shape, p.Offset)
		d.at[p.Name] = located{sf, p}
		d.man.Tensors = append(d.man.Tensors, manifest.Tensor{Name: p.Name, Path: []string{p.Name}, DType: p.DType, Shape: p.Shape, Chunks: 1})
	}
	return nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	return err
}

// names lists the files that hold tensors and, where there is an index, what
// it says.
func (d *directory) names(only string) ([]string, map[string]string, error) {
	if only != "" {
		return []string{only}, nil, nil
	}
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, nil, err
	}
	var weights, indexes []string
	for _, e := range entries {
		switch n := e.Name(); {
		case strings.HasSuffix(n, indexSuffix):
			indexes = append(indexes, n)
		case strings.HasSuffix(n, ".safetensors"):
			weights = append(weights, n)
		}
	}
	if len(indexes) > 1 {
		return nil, nil, fmt.Errorf("%w: %d indexes (%s), wanted one", store.ErrFormat, len(indexes), strings.Join(indexes, ", "))
	}
	if len(indexes) == 0 {
		return weights, nil, nil
	}
	index, err := d.index(indexes[0])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", indexes[0], err)
	}
	shards := map[string]bool{}
	for _, s := range index {
		shards[s] = true
	}
	var names []string
	for s := range shards {
		names = append(names, s)
	}
	sort.Strings(names)
	for _, w := range weights {
		if !shards[w] {
			return nil, nil, fmt.Errorf("%w: %s is not in the index %s", store.ErrCorrupt, w, indexes[0])
		}
	}
	return names, index, nil
}

func (d *directory) index(name string) (map[string]string, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxIndex {
		return nil, fmt.Errorf("%w: more than %d bytes", store.ErrCorrupt, maxIndex)
	}
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	for t, s := range x.WeightMap {
		if s != filepath.Base(s) || !strings.HasSuffix(s, ".safetensors") {
			return nil, fmt.Errorf("%w: %q is said to be in %q, which is no plain file name", store.ErrCorrupt, t, s)
		}
	}
	return x.WeightMap, nil
}

// side lists the regular files beside the weights.
func (d *directory) side(weights []string) []manifest.File {
	var out []manifest.File
	entries, _ := fs.ReadDir(d.root.FS(), ".")
	for _, e := range entries {
		n := e.Name()
		if !e.Type().IsRegular() || strings.HasSuffix(n, ".safetensors") || strings.HasSuffix(n, indexSuffix) {
			continue
		}
		if st, err := e.Info(); err == nil {
			out = append(out, manifest.File{Path: n, Bytes: st.Size()})
		}
	}
	return out
}

func (d *directory) Describe() store.Description { return d.about }

// Tree returns the one tree; it lives as long as the directory.
func (d *directory) Tree(name string) (store.Reader, error) {
	if name != "." {
		return nil, fmt.Errorf("tree %q: %w", name, store.ErrNotFound)
	}
	return reader{d}, nil
}

func (d *directory) Close() error {
	errs := []error{d.root.Close()}
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

type reader struct{ d *directory }

func (r reader) Manifest() *manifest.Manifest { return r.d.man }

// Chunks returns the one chunk that a safetensors tensor is.
func (r reader) Chunks(name string) ([]store.Chunk, error) {
	l, ok := r.d.at[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, store.ErrNotFound)
	}
	return []store.Chunk{{Region: tensor.Whole(l.place.Shape), File: l.file.Name, Offset: l.place.Offset, Length: l.place.Bytes}}, nil
}

func (r reader) Open(_ context.Context, name string, _ store.Chunk) (io.ReadCloser, error) {
	l, ok := r.d.at[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, store.ErrNotFound)
	}
	return io.NopCloser(&exact{r: l.file.Bytes(l.place), left: l.place.Bytes, name: l.file.Name}), nil
}

// exact turns an early end into damage.
type exact struct {
	r    io.Reader
	left int64
	name string
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		return n, fmt.Errorf("%s: %w: it ends %d bytes early", e.name, store.ErrCorrupt, e.left)
	}
	return n, err
}

func (r reader) Recheck() error {
	for _, f := range r.d.files {
		st, err := r.d.root.Stat(f.Name)
		if err != nil || !os.SameFile(st, f.stat) || st.Size() != f.stat.Size() || !st.ModTime().Equal(f.stat.ModTime()) {
			return fmt.Errorf("%s: %w", f.Name, store.ErrChanged)
		}
	}
	return nil
}

func (reader) Close() error { return nil }
