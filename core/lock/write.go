package lock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Encode writes the file: the same bytes for the same content. An entry that
// Parse would refuse is an error.
func (f *File) Encode() ([]byte, error) {
	var b bytes.Buffer
	comment := f.Comment
	if comment == nil {
		comment = Header
	}
	for _, line := range comment {
		fmt.Fprintln(&b, line)
	}
	f.sort()
	for i := range f.Plugins {
		p := &f.Plugins[i]
		if err := p.check(); err != nil {
			return nil, err
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		align := len("protocol")
		if p.Constraints != "" {
			align = len("constraints")
		}
		fmt.Fprintf(&b, "plugin %q {\n  %-*s = %q\n", p.Source, align, "version", p.Version)
		if p.Constraints != "" {
			fmt.Fprintf(&b, "  constraints = %q\n", p.Constraints)
		}
		fmt.Fprintf(&b, "  %-*s = %d\n  sha256 = {\n", align, "protocol", p.Protocol)
		width := 0
		for _, name := range p.Platforms() {
			width = max(width, len(name))
		}
		for _, name := range p.Platforms() {
			fmt.Fprintf(&b, "    %-*s = %q\n", width, name, p.SHA256[name])
		}
		fmt.Fprint(&b, "  }\n}\n")
	}
	if _, err := Parse(b.Bytes(), Name); err != nil {
		return nil, err // a comment that is none
	}
	return b.Bytes(), nil
}

// Read reads the lock file of a directory, and returns its bytes, too. Where
// there is none, the error is fs.ErrNotExist.
func Read(dir string) (*File, []byte, error) {
	path := filepath.Join(dir, Name)
	r, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	f, err := Parse(b, path)
	return f, b, err
}

// Write replaces the lock file of a directory: whoever reads meanwhile, or
// after a power cut, sees the old file or the new one.
func (f *File) Write(dir string) (err error) {
	b, err := f.Encode()
	if err != nil {
		return err
	}
	w, err := os.CreateTemp(dir, Name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(w.Name())
		}
	}()
	_, err = w.Write(b)
	if err == nil {
		err = w.Chmod(0o644)
	}
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err = os.Rename(w.Name(), filepath.Join(dir, Name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable, where directories can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system without directory fsync
	}
	return errors.Join(err, d.Close())
}
