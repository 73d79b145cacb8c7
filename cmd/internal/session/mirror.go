package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/atomicfile"
	"github.com/loraconv/loraconv/core/diag"
)

// Mirrored is one executable that a mirror wants.
type Mirrored struct {
	Source, Version, Platform string
	Path                      string // of the copy; "": it is not installed here
}

// Mirror copies what the lock file in dir pins, of any platform, from the
// places of this machine to the same layout below to. The bytes of each copy
// are the pinned ones, or there is no copy. What is not installed here is
// listed without a path.
func (s *Session) Mirror(dir, to string) ([]Mirrored, diag.List) {
	var ds diag.List
	places, err := installed.Places(s.Getenv)
	if err != nil {
		ds.Errorf(diag.Usage, "plugin-places", "The place of plugins cannot be used", "%v", err)
		return nil, ds
	}
	l, d := readLock(dir)
	if d != nil {
		return nil, diag.List{d}
	}
	all := installed.All(places)
	var out []Mirrored
	for _, e := range l.Plugins {
		for _, platform := range e.Platforms() {
			m := Mirrored{Source: e.Source, Version: e.Version.String(), Platform: platform}
			for _, p := range all {
				if p.Source != e.Source || p.Version != e.Version || p.Platform != platform || m.Path != "" {
					continue
				}
				from := p.Path()
				p.Place = to
				if err := mirrorFile(from, p.Path(), e.SHA256[platform]); err != nil {
					ds.Add(asDiagnostic(err, diag.Output))
					continue
				}
				m.Path = p.Path()
			}
			out = append(out, m)
		}
	}
	return out, ds
}

// mirrorFile copies from to a file that appears when it is whole.
func mirrorFile(from, to, want string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return diag.New(diag.Plugin, "plugin-start", "A plugin cannot be read", "%v", err)
	}
	defer func() { _ = r.Close() }()
	defer func() {
		if d := (*diag.Diagnostic)(nil); err != nil && !errors.As(err, &d) {
			err = diag.New(diag.Output, "output-failed", "A plugin cannot be copied", "%v", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return atomicfile.ReplaceBy(to, 0o755, func(w io.Writer) error {
		h := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			return diag.New(diag.Plugin, "plugin-changed", "The plugin's executable is not the one that is pinned", "%s has SHA-256 %s, wanted %s; it was not copied", from, got, want)
		}
		return nil
	})
}
