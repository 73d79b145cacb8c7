package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OpenRegular opens a regular file below root for reading, without waiting: a
// FIFO under a file's name must not stop a reader. name is slash-separated.
// Links are followed inside root only. Errors wrap ErrNotFound, or ErrCorrupt
// for what is no regular file.
func OpenRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, nil, fmt.Errorf("file %q: its name leads out of the directory: %w", name, ErrCorrupt)
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, OpenError(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("file %q is not a regular file (%s): %w", name, info.Mode().Type(), ErrCorrupt)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// OpenError says which fault of a source a failed open of name is.
func OpenError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("file %q: %w", name, ErrNotFound)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("file %q: %w", name, err)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("file %q: %w (a link that leads out of the directory is not followed; a copy made with cp -rL has none): %w", name, err, ErrCorrupt)
}

// SameFile reports why a file is not the one that it was: an error that wraps
// ErrChanged, or nil.
func SameFile(name string, then, now fs.FileInfo) error {
	switch {
	case then.Size() != now.Size():
		return fmt.Errorf("file %q had %d bytes when it was opened and has %d now: %w", name, then.Size(), now.Size(), ErrChanged)
	case !then.ModTime().Equal(now.ModTime()):
		return fmt.Errorf("file %q was written to after it was opened: %w", name, ErrChanged)
	case !os.SameFile(then, now):
		return fmt.Errorf("file %q was replaced after it was opened: %w", name, ErrChanged)
	}
	return nil
}
