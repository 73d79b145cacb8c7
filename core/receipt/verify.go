package receipt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/store"
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
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	b, err := readDocument(root, ManifestName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	}
	if err != nil {
		return nil, err
	}
	return Decode(b)
}

// readDocument reads one of our own files, which is bounded.
func readDocument(root *os.Root, name string) ([]byte, error) {
	f, info, err := store.OpenRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > maxManifest {
		return nil, fmt.Errorf("%d bytes, at most %d are read", info.Size(), maxManifest)
	}
	return io.ReadAll(io.LimitReader(f, maxManifest))
}

// Verify reads every file of an output and compares it with the manifest, the
// manifest with the provenance, and that with the digest of itself. What
// differs is in the report; an error means that nothing could be compared, and
// wraps ErrNoManifest if that is why. Damage is found; forgery, by somebody who
// renews all digests, is not.
func Verify(ctx context.Context, dir string) (*Report, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	r := &Report{Findings: []Finding{}}
	m, err := r.manifest(root)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	}
	if err != nil {
		r.find("manifest", ManifestName, "", "%v", err)
		return r, nil
	}
	r.Root, r.Files, r.Tensors = m.Root, len(m.Files), len(m.Tensors)
	missing, err := r.files(ctx, root, m)
	if err != nil {
		return nil, err
	}
	if err := r.extra(ctx, root, m, missing); err != nil {
		return nil, err
	}
	sort.SliceStable(r.Findings, func(i, j int) bool { return r.Findings[i].File < r.Findings[j].File })
	r.OK = len(r.Findings) == 0
	return r, nil
}

// manifest reads the manifest and the provenance, which covers it.
func (r *Report) manifest(root *os.Root) (*Manifest, error) {
	b, err := readDocument(root, ManifestName)
	if err != nil {
		return nil, err
	}
	m, err := Decode(b)
	if err != nil {
		return nil, err
	}
	p, err := readDocument(root, ProvenanceName)
	if errors.Is(err, store.ErrNotFound) {
		r.find("missing", ProvenanceName, "", "the provenance is not there")
		return m, nil
	}
	var s *Statement
	if err == nil {
		s, err = DecodeStatement(p)
	}
	if err != nil {
		r.find("provenance", ProvenanceName, "", "%v", err)
		return m, nil
	}
	sum := sha256.Sum256(b)
	want := map[string]string{ManifestName: hex.EncodeToString(sum[:])}
	for _, f := range m.Files {
		want[f.Name] = f.SHA256
	}
	r.subjects(s, want)
	return m, nil
}

// subjects compares the provenance's digests with those of the manifest and of
// the files in it.
func (r *Report) subjects(s *Statement, want map[string]string) {
	have := s.digests()
	if len(have) != len(s.Subject) {
		r.find("provenance", ProvenanceName, "", "a subject stands twice")
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch {
		case have[name] == "":
			r.find("provenance", ProvenanceName, "", "%q is no subject of it", name)
		case have[name] != want[name] && name == ManifestName:
			r.find("manifest", ManifestName, "", "SHA-256 %s, the provenance says %s", want[name], have[name])
		case have[name] != want[name]:
			r.find("provenance", ProvenanceName, "", "it says that %q has the SHA-256 %s, the manifest %s", name, have[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			r.find("provenance", ProvenanceName, "", "%q is a subject of it, and the manifest does not know it", name)
		}
	}
}

// extra looks for what the manifest does not list: files, and directories that
// hold no file of it.
func (r *Report) extra(ctx context.Context, root *os.Root, m *Manifest, missing map[string]File) error {
	known := map[string]bool{".": true, ManifestName: true, ProvenanceName: true}
	for _, f := range m.Files {
		for p := f.Name; p != "."; p = path.Dir(p) {
			known[p] = true
		}
	}
	return fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			r.find("unreadable", p, "", "%v", err)
			return fs.SkipDir
		case ctx.Err() != nil:
			return ctx.Err()
		case !known[p] && d.IsDir():
			r.find("extra", p, "", "the manifest does not know this directory")
			return nil
		case !known[p]:
			r.find("extra", p, "", "the manifest does not know it%s", renamed(root, p, missing))
		}
		return nil
	})
}

// renamed says which missing file an unknown one is, by its content.
func renamed(root *os.Root, name string, missing map[string]File) string {
	f, info, err := store.OpenRegular(root, name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for _, n := range slices.Sorted(maps.Keys(missing)) {
		m := missing[n]
		if m.Bytes != info.Size() {
			continue
		}
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, info.Size())); err == nil && hex.EncodeToString(h.Sum(nil)) == m.SHA256 {
			return fmt.Sprintf("; it has the content of %q, which is missing", n)
		}
	}
	return ""
}

func (r *Report) find(kind, file, name, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, file, name, fmt.Sprintf(format, args...)})
}
