package receipt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/loraconv/loraconv/core/store/safetensors"
)

// Report is what Verify found.
type Report struct {
	OK       bool      `json:"ok"`
	Files    int       `json:"files"`
	Tensors  int       `json:"tensors"`
	Bytes    int64     `json:"bytes"` // read and hashed
	Root     string    `json:"root"`
	Findings []Finding `json:"findings"`
}

// Finding is one difference between a directory and its manifest.
type Finding struct {
	Kind   string `json:"kind"` // "manifest", "provenance", "missing", "extra", "size", "digest", "tensor", "unreadable"
	File   string `json:"file"`
	Tensor string `json:"tensor,omitempty"`
	Detail string `json:"detail"`
}

// ErrNoManifest says that a directory is no output of loraconv.
var ErrNoManifest = errors.New("no " + ManifestName)

// ReadManifest reads the manifest of an output directory.
func ReadManifest(dir string) (*Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	}
	if err != nil {
		return nil, err
	}
	return Decode(b)
}

// Verify reads every file of an output and compares it with the manifest. What
// differs is in the report; an error means that nothing could be compared.
func Verify(ctx context.Context, dir string) (*Report, error) {
	r := &Report{Findings: []Finding{}}
	m, err := ReadManifest(dir)
	if errors.Is(err, ErrNoManifest) {
		return nil, err
	}
	if err != nil {
		r.find("manifest", ManifestName, "", "%v", err)
		return r, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r.Root, r.Files, r.Tensors = m.Root, len(m.Files), len(m.Tensors)
	known := map[string]bool{ManifestName: true, ProvenanceName: true}
	for _, f := range m.Files {
		known[f.Name] = true
		if err := r.file(ctx, root, f, tensorsOf(m, f.Name)); err != nil {
			return nil, err
		}
	}
	r.provenance(dir)
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !known[p] {
			r.find("extra", p, "", "the manifest does not know it")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sort.SliceStable(r.Findings, func(i, j int) bool { return r.Findings[i].File < r.Findings[j].File })
	r.OK = len(r.Findings) == 0
	return r, nil
}

// provenance checks the statement, which holds the digest of the manifest.
func (r *Report) provenance(dir string) {
	b, err := os.ReadFile(filepath.Join(dir, ProvenanceName))
	if errors.Is(err, fs.ErrNotExist) {
		r.find("missing", ProvenanceName, "", "the provenance is not there")
		return
	}
	var s *Statement
	if err == nil {
		s, err = DecodeStatement(b)
	}
	if err != nil {
		r.find("provenance", ProvenanceName, "", "%v", err)
		return
	}
	m, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if err != nil {
		r.find("unreadable", ManifestName, "", "%v", err)
		return
	}
	sum := sha256.Sum256(m)
	if got, want := hex.EncodeToString(sum[:]), s.subject(ManifestName); got != want {
		r.find("manifest", ManifestName, "", "SHA-256 %s, the provenance says %s", got, want)
	}
}

func (r *Report) find(kind, file, name, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, file, name, fmt.Sprintf(format, args...)})
}

// tensorsOf returns a file's tensors in the order of their offsets.
func tensorsOf(m *Manifest, file string) []Tensor {
	var out []Tensor
	for _, t := range m.Tensors {
		if t.File == file {
			out = append(out, t)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Offset < out[j].Offset })
	return out
}

// file hashes one file and its tensors in a single pass.
func (r *Report) file(ctx context.Context, root *os.Root, f File, tensors []Tensor) error {
	h, err := root.Open(filepath.FromSlash(f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		r.find("missing", f.Name, "", "the manifest lists it with %d bytes", f.Bytes)
		return nil
	}
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return nil
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil || !st.Mode().IsRegular() {
		r.find("unreadable", f.Name, "", "it is not a regular file")
		return nil
	}
	if st.Size() != f.Bytes {
		r.find("size", f.Name, "", "%d bytes, wanted %d", st.Size(), f.Bytes)
		return nil
	}
	d := NewDigester(tensors)
	if _, err := io.Copy(d, &contextReader{ctx, h}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.find("unreadable", f.Name, "", "%v", err)
		return nil
	}
	r.Bytes += st.Size()
	whole, parts := d.Sums()
	if whole != f.SHA256 {
		r.find("digest", f.Name, "", "SHA-256 %s, wanted %s", whole, f.SHA256)
	}
	for i, t := range tensors {
		if parts[i] != t.SHA256 {
			r.find("tensor", f.Name, t.Name, "SHA-256 %s, wanted %s", parts[i], t.SHA256)
		}
	}
	if len(tensors) > 0 && whole == f.SHA256 {
		r.header(root, f, tensors)
	}
	return nil
}

// header compares a file's own header with the manifest.
func (r *Report) header(root *os.Root, f File, tensors []Tensor) {
	h, err := root.Open(filepath.FromSlash(f.Name))
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return
	}
	sf, err := safetensors.OpenFile(h, f.Name)
	if err != nil {
		r.find("unreadable", f.Name, "", "%v", err)
		return
	}
	defer sf.Close()
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
		if !ok || p.DType != t.DType || !p.Shape.Equal(t.Shape) || p.Offset != t.Offset || p.Bytes != t.Bytes {
			r.find("tensor", f.Name, t.Name, "the file says %s %v at %d, the manifest %s %v at %d", p.DType, p.Shape, p.Offset, t.DType, t.Shape, t.Offset)
		}
	}
}

// Digester hashes a file and stretches of it in one pass. The stretches must
// be sorted and must not overlap.
type Digester struct {
	whole   hash.Hash
	tensors []Tensor
	sums    []string
	part    hash.Hash
	at      int64
}

// NewDigester makes a digester for a file that holds these tensors.
func NewDigester(tensors []Tensor) *Digester {
	return &Digester{whole: sha256.New(), part: sha256.New(), tensors: tensors}
}

// Write hashes the next bytes of the file.
func (d *Digester) Write(p []byte) (int, error) {
	d.whole.Write(p)
	end := d.at + int64(len(p))
	for len(d.sums) < len(d.tensors) {
		t := &d.tensors[len(d.sums)]
		from, to := max(t.Offset, d.at), min(t.Offset+t.Bytes, end)
		if from < to {
			d.part.Write(p[from-d.at : to-d.at])
		}
		if t.Offset+t.Bytes > end {
			break
		}
		d.sums = append(d.sums, hex.EncodeToString(d.part.Sum(nil)))
		d.part.Reset()
	}
	d.at = end
	return len(p), nil
}

// Sums returns the digest of the file and of each tensor, hex.
func (d *Digester) Sums() (whole string, tensors []string) {
	for len(d.sums) < len(d.tensors) { // empty ones at the end, or cut off
		d.sums = append(d.sums, hex.EncodeToString(d.part.Sum(nil)))
		d.part.Reset()
	}
	return hex.EncodeToString(d.whole.Sum(nil)), d.sums
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
