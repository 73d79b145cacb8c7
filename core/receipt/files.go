package receipt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/safetensors"
)

// files compares the files, several at a time, and returns those that are not
// there by name.
func (r *Report) files(ctx context.Context, root *os.Root, m *Manifest) (missing map[string]File, err error) {
	parts := make([]Report, len(m.Files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), readers))
	for i, f := range m.Files {
		group.Go(func() error { return parts[i].file(ctx, root, f, tensorsOf(m, f.Name)) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	missing = map[string]File{}
	for i, p := range parts {
		r.Bytes += p.Bytes
		r.Findings = append(r.Findings, p.Findings...)
		if slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Kind == "missing" }) {
			missing[m.Files[i].Name] = m.Files[i]
		}
	}
	return missing, nil
}

// readers is how many files are read at a time at most: each takes
// store.ReadBackMemory.
const readers = 4

// tensorsOf returns a file's tensors as they lie, empty ones before what lies at
// the same place.
func tensorsOf(m *Manifest, file string) []Tensor {
	var out []Tensor
	for _, t := range m.Tensors {
		if t.File == file {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Bytes, b.Bytes))
	})
	return out
}

// file hashes one file and its tensors in a single pass.
func (r *Report) file(ctx context.Context, root *os.Root, f File, tensors []Tensor) error {
	if st, err := root.Lstat(filepath.FromSlash(f.Name)); err == nil && !st.Mode().IsRegular() {
		r.find("unreadable", f.Name, "", "it is not a regular file (%s)", st.Mode().Type())
		return nil
	}
	h, st, err := store.OpenRegular(root, f.Name)
	if errors.Is(err, store.ErrNotFound) {
		r.find("missing", f.Name, "", "the manifest lists it with %d bytes", f.Bytes)
		return nil
	}
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return nil
	}
	defer func() { _ = h.Close() }()
	if st.Size() != f.Bytes {
		r.find("size", f.Name, "", "%d bytes, wanted %d", st.Size(), f.Bytes)
		return nil
	}
	stretches := make([]Stretch, len(tensors))
	for i, t := range tensors {
		stretches[i] = Stretch{t.Offset, t.Bytes}
	}
	var damaged []Finding
	d := NewDigester(stretches, func(i int, d Digest) {
		if t := &tensors[i]; d.SHA256 != t.SHA256 {
			damaged = append(damaged, Finding{"tensor", f.Name, t.Name, fmt.Sprintf("SHA-256 %s, wanted %s", d.SHA256, t.SHA256)})
		}
	})
	if err := store.ReadBack(ctx, h, st.Size(), d.Add); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.find("unreadable", f.Name, "", "%v", err)
		return nil
	}
	r.Bytes += st.Size()
	whole := d.Sum()
	if whole != f.SHA256 {
		r.find("digest", f.Name, "", "SHA-256 %s, wanted %s", whole, f.SHA256)
	}
	r.Findings = append(r.Findings, damaged...)
	if whole == f.SHA256 && (len(tensors) > 0 || strings.HasSuffix(f.Name, ".safetensors")) {
		r.header(root, f, tensors)
	}
	return nil
}

// header compares a file's own header with the manifest.
func (r *Report) header(root *os.Root, f File, tensors []Tensor) {
	h, _, err := store.OpenRegular(root, f.Name)
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return
	}
	sf, err := safetensors.OpenFile(h, f.Name)
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return
	}
	defer func() { _ = sf.Close() }()
	if len(sf.Places) != len(tensors) {
		r.find("tensor", f.Name, "", "%d tensors, wanted %d", len(sf.Places), len(tensors))
		return
	}
	by := map[string]safetensors.Place{}
	for _, p := range sf.Places {
		by[p.Name] = p
	}
	for _, t := range tensors {
		p, ok := by[t.Name]
		if !ok {
			r.find("tensor", f.Name, t.Name, "the manifest lists it, the file does not hold it")
			continue
		}
		if p.DType != t.DType || !p.Shape.Equal(t.Shape) || p.Offset != t.Offset || p.Bytes != t.Bytes {
			r.find("tensor", f.Name, t.Name, "the file says %s %v at %d, the manifest %s %v at %d", p.DType, p.Shape, p.Offset, t.DType, t.Shape, t.Offset)
		}
	}
}
