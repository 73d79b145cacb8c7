package installed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/lock"
	"github.com/loraconv/loraconv/core/version"
)

// maxDepth bounds how deep a place is searched: a source has eight names at
// most, and three more lie between it and the executable.
const maxDepth = 8 + 3

// maxExecutable bounds what is read of a file; it is package host's bound.
const maxExecutable = 1 << 30

// Find lists the installed versions of one plugin for one platform, the newest
// first. Of a version that lies in two places the first is given, as it is the
// one that would run.
func Find(places []string, source, name, platform string) []Plugin {
	var out []Plugin
	for _, place := range places {
		entries, _ := os.ReadDir(filepath.Join(place, filepath.FromSlash(source)))
		for _, e := range entries {
			v, err := version.Parse(e.Name())
			if err != nil {
				continue
			}
			p := Plugin{Place: place, Source: source, Version: v, Platform: platform, Name: name}
			if _, err := os.Lstat(p.Path()); err != nil || slices.ContainsFunc(out, func(q Plugin) bool { return q.Version == v }) {
				continue
			}
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Plugin) int { return b.Version.Compare(a.Version) })
	return out
}

// All lists what lies in the places, of any platform. Files that do not follow
// the layout are passed over.
func All(places []string) []Plugin {
	var out []Plugin
	for _, place := range places {
		_ = filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // what cannot be read cannot run either
			}
			rel, err := filepath.Rel(place, path)
			if err != nil {
				return err
			}
			parts := strings.Split(filepath.ToSlash(rel), "/")
			if d.IsDir() {
				if len(parts) > maxDepth {
					return fs.SkipDir
				}
				return nil
			}
			if p, ok := parse(place, parts); ok {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

// parse reads a path below a place.
func parse(place string, parts []string) (Plugin, bool) {
	n := len(parts)
	if n < 5 || !strings.HasPrefix(parts[n-1], prefix) {
		return Plugin{}, false
	}
	v, err := version.Parse(parts[n-3])
	p := Plugin{Place: place, Source: strings.Join(parts[:n-3], "/"), Version: v, Platform: parts[n-2], Name: strings.TrimSuffix(strings.TrimPrefix(parts[n-1], prefix), ".exe")}
	ok := err == nil && lock.CheckSource(p.Source) == nil && lock.CheckPlatform(p.Platform) == nil && p.Path() == filepath.Join(place, filepath.Join(parts...))
	return p, ok
}

// Digest is the SHA-256 of a file's bytes, hex.
func Digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Size() > maxExecutable {
		return "", fmt.Errorf("%q is not a regular file of at most %d bytes", path, int64(maxExecutable))
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Exposed says why somebody else could change the executable or one of the
// directories between it and its place, the place included, or returns nil. A
// link is refused, too: it would lead out of the places.
func (p *Plugin) Exposed() error {
	path := p.Path()
	rel, err := filepath.Rel(p.Place, path)
	if err != nil {
		return err
	}
	st, err := os.Stat(p.Place) // the place itself may be a link: the user, or the system, named it
	at := p.Place
	for _, part := range strings.Split(rel, string(filepath.Separator)) {
		if err != nil {
			return err
		}
		if err := exposed(at, st); err != nil {
			return err
		}
		at = filepath.Join(at, part)
		st, err = os.Lstat(at)
	}
	if err != nil {
		return err
	}
	if err := exposed(at, st); err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file", path)
	}
	return nil
}
