// Package all opens a checkpoint of any format: it asks each format whether a
// directory is one of its own. It is the only place that knows them all.
package all

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax"
	"github.com/loraconv/loraconv/core/store/safetensors"
)

// Options are those of the formats.
type Options struct {
	Step      *int  // of a run directory; nil is the latest finished one
	MaxWindow int64 // see orbax.Options
}

// remote matches gs://, s3://, http://, hf:// and their like.
var remote = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Open opens the checkpoint at path. Errors wrap those of package store.
func Open(ctx context.Context, path string, o Options) (store.Directory, error) {
	if scheme := remote.FindString(path); scheme != "" {
		return nil, fmt.Errorf("%q: %w: paths that begin with %s cannot be read yet; copy the checkpoint to a local disk first", path, store.ErrUnsupported, scheme)
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // the latter: a file stands where a directory is named
		return nil, fmt.Errorf("%q: %w%s", path, store.ErrNotFound, sibling(path))
	case err != nil:
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	if !st.IsDir() {
		return openFile(ctx, path, o)
	}
	isOrbax, isSafetensors := orbax.Detect(path), safetensors.Detect(path)
	switch {
	case isOrbax && isSafetensors:
		return nil, fmt.Errorf("%q: %w: it holds an Orbax checkpoint and safetensors files; name the item, or the file, that is meant", path, store.ErrFormat)
	case isOrbax:
		return orbax.Open(ctx, path, orbax.Options{Step: o.Step, MaxWindow: o.MaxWindow})
	case isSafetensors:
		if o.Step != nil {
			return nil, noSteps(path)
		}
		return safetensors.Open(ctx, path)
	}
	return nil, unknown(path)
}

func noSteps(path string) error {
	return fmt.Errorf("%q: %w: it holds safetensors files, which have no steps; leave the step out", path, store.ErrFormat)
}

// pickled files run code when they are opened; loraconv reads none, ever.
var pickled = []string{".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}

func isPickle(name string) bool {
	return slices.Contains(pickled, strings.ToLower(filepath.Ext(name)))
}

func openFile(ctx context.Context, path string, o Options) (store.Directory, error) {
	switch {
	case safetensors.Detect(path) && o.Step != nil:
		return nil, noSteps(path)
	case safetensors.Detect(path):
		return safetensors.Open(ctx, path)
	case isPickle(path):
		return nil, fmt.Errorf("%q: %w: a pickle can run code, so loraconv reads none; convert it to safetensors with the tool that wrote it", path, store.ErrUnsupported)
	case strings.HasSuffix(path, ".safetensors.index.json"), filepath.Base(path) == "adapter_config.json", strings.HasPrefix(filepath.Base(path), "manifest.ocdbt"), filepath.Base(path) == "_METADATA":
		return nil, fmt.Errorf("%q: %w: it is a part of a checkpoint; name its directory, %q", path, store.ErrFormat, filepath.Dir(path))
	}
	return nil, fmt.Errorf("%q: %w: it is a file; wanted the checkpoint's directory, or a .safetensors file", path, store.ErrFormat)
}

// unknown says what a directory holds that is no checkpoint.
func unknown(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if len(entries) == 0 {
		return fmt.Errorf("%q: %w: the directory is empty", path, store.ErrFormat)
	}
	var names []string
	for i, e := range entries {
		if isPickle(e.Name()) {
			return fmt.Errorf("%q: %w: it holds %q, a pickle, which can run code; loraconv reads safetensors and Orbax", path, store.ErrUnsupported, e.Name())
		}
		if err := unreadable(filepath.Join(path, e.Name())); err != nil {
			return fmt.Errorf("%q: it holds %q, which cannot be opened: %w", path, e.Name(), err)
		}
		if i < 5 {
			names = append(names, fmt.Sprintf("%q", e.Name()))
		}
	}
	more := ""
	if len(entries) > 5 {
		more = fmt.Sprintf(" and %d more", len(entries)-5)
	}
	return fmt.Errorf("%q: %w: it holds %s%s, and neither Orbax metadata nor a .safetensors file%s", path, store.ErrFormat, strings.Join(names, ", "), more, nearby(path, entries))
}

// unreadable is why a directory that there is cannot be looked into.
func unreadable(path string) error {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return d.Close()
}

// maxNearby bounds the directories that are looked into for a checkpoint.
const maxNearby = 256

// nearby proposes checkpoints right below a directory that is none, which links
// may lead to, or else the one that it lies in.
func nearby(path string, entries []os.DirEntry) string {
	var below []string
	for _, e := range entries[:min(len(entries), maxNearby)] {
		p := filepath.Join(path, e.Name())
		if st, err := os.Stat(p); err == nil && st.IsDir() && (orbax.Detect(p) || safetensors.Detect(p)) {
			below = append(below, fmt.Sprintf("%q", e.Name()))
		}
	}
	switch n := len(below); {
	case n == 1:
		return fmt.Sprintf("; %s in it is a checkpoint: name that", below[0])
	case n > 3:
		return fmt.Sprintf("; %s and %d more in it are checkpoints: name one of them", strings.Join(below[:3], ", "), n-3)
	case n > 1:
		return fmt.Sprintf("; %s in it are checkpoints: name one of them", strings.Join(below, " and "))
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for d, up := filepath.Dir(abs), 0; up < 2; d, up = filepath.Dir(d), up+1 {
		if orbax.Detect(d) {
			return fmt.Sprintf("; it is a part of the checkpoint %q: name that", d)
		}
	}
	return ""
}

// sibling proposes a name beside a path that does not exist.
func sibling(path string) string {
	for _, part := range strings.Split(filepath.ToSlash(path), "/") {
		if part == "~" || strings.HasPrefix(part, "$") {
			return fmt.Sprintf("; %s is taken as a directory's name, as no shell is asked: write the whole path", part)
		}
	}
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
			if st, err := os.Stat(d); err == nil && st.IsDir() {
				return fmt.Sprintf("; %q is the nearest directory that exists", d)
			}
		}
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if s := manifest.Suggest(filepath.Base(path), names); s != "" {
		return fmt.Sprintf("; did you mean %q?", filepath.Join(dir, s))
	}
	return ""
}
