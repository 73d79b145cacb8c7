package orbax

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
)

// Options says what to open.
type Options struct {
	// Step chooses a step of a run; nil is the latest that is finished.
	Step *int
	// MaxWindow bounds the window of zstd frames, in bytes, and so the memory of
	// a stream. A frame that needs more is refused with the figure that would
	// do. 0 is 128 MiB.
	MaxWindow int64
}

func (o Options) maxWindow() int64 {
	if o.MaxWindow <= 0 {
		return 128 << 20
	}
	return o.MaxWindow
}

// directory implements store.Directory.
type directory struct {
	root        *os.Root
	files       *fileSet
	options     Options
	description store.Description
}

// Open opens the checkpoint at path: a directory of parameters, a step with
// its items, a released directory of several of these, or a run, of which one
// step is chosen. It reads no parameters yet. Errors wrap store.ErrNotFound,
// ErrFormat, ErrUnfinished, ErrCorrupt or ErrUnsupported.
func Open(ctx context.Context, path string, o Options) (store.Directory, error) {
	d, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %q: %w", path, err)
	}
	return d, nil
}

func open(ctx context.Context, name string, o Options) (*directory, error) {
	abs, err := absolute(name)
	if err != nil {
		return nil, err
	}
	if in, ok := withinSave(name, abs); ok {
		what := unfinishedAdvice
		if in != filepath.Base(abs) {
			what = fmt.Sprintf("it lies in %q: %s", in, unfinishedAdvice)
		}
		return nil, fmt.Errorf("%s: %w", what, store.ErrUnfinished)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	d := &directory{root: root, options: o, description: store.Description{Root: filepath.Clean(name), Format: "orbax"}}
	if err := d.resolve(ctx, abs); err != nil {
		_ = d.root.Close()
		return nil, err
	}
	return d, nil
}

// withinSave returns the unfinished save that a path is, or lies in: an item of
// it may be whole, or not. name is as the user says it, abs is resolved.
func withinSave(name, abs string) (string, bool) {
	for _, p := range []string{abs, filepath.Clean(name)} {
		if base := filepath.Base(p); unfinished(base) {
			return base, true
		}
		for _, part := range strings.Split(filepath.ToSlash(p), "/") {
			if strings.Contains(part, tmpSuffix) {
				return part, true
			}
		}
	}
	return "", false
}

// absolute resolves the path itself, which the user named and which may be a
// link to anywhere.
func absolute(name string) (string, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", store.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("a checkpoint is a directory: %w", store.ErrFormat)
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return "", err
	}
	return filepath.Abs(name)
}

// resolve works out what the directory is, and moves on to a step of a run.
func (d *directory) resolve(ctx context.Context, abs string) error {
	l, err := lookAt(d.root, ".")
	if err != nil {
		return err
	}
	k, err := l.classify()
	if err != nil {
		return err
	}
	switch {
	case k == runDir:
		name, layout, warnings, err := l.chooseStep(d.options.Step)
		if err != nil {
			return err
		}
		d.description.Layout, d.description.Warnings = layout, warnings
		if err := d.enter(name); err != nil {
			return err
		}
		abs = filepath.Join(abs, name)
		if l, err = lookAt(d.root, "."); err != nil {
			return err
		}
		if k, err = l.classify(); err != nil {
			return err
		}
		if k == runDir {
			return fmt.Errorf("step %q holds steps again: %w", name, store.ErrFormat)
		}
	case d.options.Step != nil:
		if n, ok := stepNumber(filepath.Base(abs)); !ok || n != *d.options.Step {
			return fmt.Errorf("step %d is wanted, and this is no directory of steps; name the run, or leave the step out: %w", *d.options.Step, store.ErrNotFound)
		}
	}
	d.files = newFileSet(d.root)
	if l.files["orbax.checkpoint"] {
		d.description.Layout = append(d.description.Layout, "orbax v1")
	}
	switch k {
	case treeDir:
		d.description.Trees = []string{"."}
		err = d.loadMetadata(l, abs)
	case stepDir:
		err = d.loadStep(ctx, l, abs)
	default:
		err = fmt.Errorf("no parameters, items or steps here: %w", store.ErrFormat)
	}
	if err == nil {
		d.warnUnnamed()
	}
	return err
}

// warnUnnamed notes trees whose names must be guessed.
func (d *directory) warnUnnamed() {
	for _, tree := range d.description.Trees {
		if !exists(d.root, path.Join(tree, treeFile)) && !exists(d.root, path.Join(tree, legacyFile)) {
			d.description.Warnings = append(d.description.Warnings, noNames(tree))
		}
	}
}

func noNames(tree string) string {
	return fmt.Sprintf("directory %q has no %s: names are taken from the storage, where a dot may be part of a name", tree, treeFile)
}

// enter makes a directory below the new root.
func (d *directory) enter(name string) error {
	sub, err := d.root.OpenRoot(name)
	if err != nil {
		return store.OpenError(name, err)
	}
	_ = d.root.Close()
	d.root = sub
	d.description.Root = filepath.Join(d.description.Root, name)
	return nil
}

// loadStep finds the trees and side files of a step.
func (d *directory) loadStep(ctx context.Context, l *look, abs string) error {
	if err := d.loadMetadata(l, abs); err != nil {
		return err
	}
	w := &stepWalk{ctx: ctx, d: d, marked: l.isStep()}
	if err := w.walk(l, 0); err != nil {
		return err
	}
	if len(d.description.Trees) == 0 {
		return fmt.Errorf("no item of it holds parameters: %w", store.ErrFormat)
	}
	slices.Sort(d.description.Trees)
	slices.SortFunc(d.description.Files, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// Describe implements store.Directory.
func (d *directory) Describe() store.Description { return d.description }

// Tree implements store.Directory. It reads the tree's metadata and index.
func (d *directory) Tree(name string) (store.Reader, error) {
	if !slices.Contains(d.description.Trees, name) {
		return nil, fmt.Errorf("checkpoint %q: no tree %q, there are %q: %w", d.description.Root, name, d.description.Trees, store.ErrNotFound)
	}
	t, err := openTree(context.Background(), d, name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %q: %w", d.description.Root, err)
	}
	return t, nil
}

// Close implements store.Directory. Trees that are still open cannot be read
// after it.
func (d *directory) Close() error { return errors.Join(d.files.close(), d.root.Close()) }

// Detect reports whether path looks like something that Open is for, also if
// it is unfinished or damaged.
func Detect(path string) bool {
	abs, err := absolute(path)
	if err != nil {
		return false
	}
	if _, ok := withinSave(path, abs); ok {
		return true
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	l, err := lookAt(root, ".")
	if err != nil {
		return false
	}
	k, err := l.classify()
	if err != nil || k != runDir {
		return k != unknown
	}
	steps, tmp := l.steps()
	for _, name := range append(sortedSteps(steps), tmp...) {
		if child, err := l.child(name); err == nil {
			if k, err := child.classify(); err == nil && k != unknown || unfinished(name) {
				return true
			}
		}
	}
	return false
}
