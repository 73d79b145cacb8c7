package orbax

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
)

const (
	maxSideFiles = 10000
	maxStepDepth = 16
	maxTreeDepth = 3 // items of items
)

// stepWalk goes through a step once, for trees and for other files.
type stepWalk struct {
	ctx    context.Context
	d      *directory
	marked bool // the step has metadata: an item without any may be a tree, too

}

func (w *stepWalk) warn(format string, args ...any) {
	w.d.description.Warnings = append(w.d.description.Warnings, fmt.Sprintf(format, args...))
}

func (w *stepWalk) walk(l *look, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > maxStepDepth {
		w.warn("directory %q lies more than %d deep; its files are not listed", l.dir, maxStepDepth)
		return nil
	}
	entries, err := listDir(l.root, l.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(l.dir, e.Name())
		if e.IsDir() || depth == 0 && e.Type()&fs.ModeSymlink != 0 && kindOf(l.root, name, e).IsDir() {
			if err := w.directory(name, e, depth); err != nil {
				return err
			}
		} else if err := w.file(name, e, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *stepWalk) directory(name string, e fs.DirEntry, depth int) error {
	if depth == 0 && unfinished(e.Name()) {
		return fmt.Errorf("item %q: %s: %w", e.Name(), unfinishedAdvice, store.ErrUnfinished)
	}
	if e.Name() == "descriptor" && depth == 0 {
		return nil
	}
	child, err := lookAt(w.d.root, name)
	if err != nil {
		return err
	}
	if depth < maxTreeDepth && (child.isTree() || w.marked && depth == 0 && child.hasArrays()) {
		w.d.description.Trees = append(w.d.description.Trees, name)
		return nil
	}
	if e.Type()&fs.ModeSymlink != 0 {
		w.warn("%q is a symbolic link; its files are not listed", name)
		return nil
	}
	return w.walk(child, depth+1)
}

// bookkeeping are the files of a step that are Orbax's own.
var bookkeeping = []string{checkpointFile, "orbax.checkpoint", "commit_success.txt"}

func (w *stepWalk) file(name string, e fs.DirEntry, depth int) error {
	if depth <= 1 && slices.Contains(bookkeeping, e.Name()) {
		return nil
	}
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		w.warn("%q is a symbolic link and is not listed", name)
		return nil
	case !e.Type().IsRegular():
		w.warn("%q is not a regular file and is not listed", name)
		return nil
	case !copyable(name):
		w.warn("%q is no name that can be copied and is not listed", name)
		return nil
	case len(w.d.description.Files) >= maxSideFiles:
		return fmt.Errorf("more than %d files beside the parameters: %w", maxSideFiles, store.ErrUnsupported)
	}
	info, err := e.Info()
	if err != nil {
		return store.OpenError(name, err)
	}
	w.d.description.Files = append(w.d.description.Files, manifest.File{Path: name, Bytes: info.Size()})
	return nil
}
