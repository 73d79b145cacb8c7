package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// CreateFile creates a file of the given size, its room allocated. The caller
// writes and closes it; Publish makes it durable, but whoever writes much
// should sync it, for only the descriptor that wrote is sure to be told of an
// error of the disk.
func (s *Stage) CreateFile(rel string, size int64) (*os.File, error) {
	if size < 0 {
		return nil, fmt.Errorf("%q: a size of %d bytes", rel, size)
	}
	if err := s.names.add(rel); err != nil {
		return nil, err
	}
	p := filepath.Join(s.dir, filepath.FromSlash(rel))
	if err := s.do("mkdir", filepath.Dir(p), func() error { return os.MkdirAll(filepath.Dir(p), dirMode) }); err != nil {
		return nil, err
	}
	var f *os.File
	err := s.do("create", p, func() (err error) {
		f, err = os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.do("allocate", p, func() error { return allocate(f, size) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// WriteFile writes a whole file and makes it durable.
func (s *Stage) WriteFile(rel string, data []byte) error {
	f, err := s.CreateFile(rel, int64(len(data)))
	if err != nil {
		return err
	}
	err = s.do("write", f.Name(), func() error {
		_, err := f.WriteAt(data, 0)
		return err
	})
	return s.finish(f, err)
}

// finish syncs and closes a file, unless it failed already.
func (s *Stage) finish(f *os.File, err error) error {
	if err == nil {
		err = s.do("fsync", f.Name(), f.Sync)
	}
	cerr := f.Close()
	if cerr == nil {
		cerr = s.do("close", f.Name(), func() error { return nil })
	}
	return errors.Join(err, cerr)
}

// CopyFile copies a regular file out of root, makes the copy durable, and
// returns its digest, hex, and its size. Links are not followed out of root.
// An error wraps ErrChanged if the file changed meanwhile, as far as its size
// and time tell.
func (s *Stage) CopyFile(ctx context.Context, rel string, root *os.Root, from string) (digest string, n int64, err error) {
	src, info, err := OpenRegular(root, from)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer func() { _ = src.Close() }()
	dst, err := s.CreateFile(rel, info.Size())
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	err = s.do("write", dst.Name(), func() (err error) {
		n, err = io.Copy(io.MultiWriter(dst, h), &whileWanted{ctx, io.LimitReader(src, info.Size()+1)})
		return err
	})
	if err == nil && n != info.Size() {
		err = fmt.Errorf("file %q had %d bytes when it was opened: %w", from, info.Size(), ErrChanged)
	}
	if err == nil {
		var now os.FileInfo
		if now, err = src.Stat(); err == nil {
			err = SameFile(from, info, now)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), n, s.finish(dst, err)
}

// whileWanted reads until its context ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w *whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
