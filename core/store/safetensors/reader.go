package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// reader implements store.Reader: each tensor is one chunk, read by pread, so
// that streams of one file do not disturb each other.
type reader struct{ d *directory }

func (r reader) Manifest() *manifest.Manifest { return r.d.man }

func (r reader) lookup(name string) (located, error) {
	l, ok := r.d.at[name]
	if !ok {
		return l, fmt.Errorf("tensor %q: %w", name, store.ErrNotFound)
	}
	return l, nil
}

// Chunks returns the one chunk that a safetensors tensor is. A stream of it
// holds nothing.
func (r reader) Chunks(name string) ([]store.Chunk, error) {
	l, err := r.lookup(name)
	if err != nil {
		return nil, err
	}
	return []store.Chunk{{Region: tensor.Whole(l.place.Shape), File: l.file.Name, Offset: l.place.Offset, Length: l.place.Bytes}}, nil
}

// Open streams the whole tensor; c must be what Chunks returned.
func (r reader) Open(ctx context.Context, name string, c store.Chunk) (io.ReadCloser, error) {
	l, err := r.lookup(name)
	if err != nil {
		return nil, err
	}
	whole := tensor.Whole(l.place.Shape)
	if !slices.Equal(c.Region.Origin, whole.Origin) || !c.Region.Shape.Equal(whole.Shape) {
		return nil, fmt.Errorf("tensor %q: chunk %v at %v is not one of its: it is stored in one, %v", name, c.Region.Shape, c.Region.Origin, whole.Shape)
	}
	return &stream{ctx: ctx, r: l.file.Bytes(l.place), left: l.place.Bytes, file: l.file}, nil
}

// stream is a tensor's bytes; a file that ends early has changed, for its size
// was checked when it was opened.
type stream struct {
	ctx  context.Context
	r    io.Reader
	left int64
	file *File
}

func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if s.left -= int64(n); errors.Is(err, io.EOF) && s.left > 0 {
		err = shorter(err, s.file.stat.Size())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("file %q: %w", s.file.Name, err)
	}
	return n, err
}

func (s *stream) Close() error { return nil }

// Recheck implements store.Reader: the files that were opened, and those that
// said what to open.
func (r reader) Recheck() error {
	for _, f := range r.d.files {
		if err := r.recheck(f.Name, f.stat); err != nil {
			return err
		}
	}
	for name, then := range r.d.extra {
		if err := r.recheck(name, then); err != nil {
			return err
		}
	}
	return nil
}

func (r reader) recheck(name string, then fs.FileInfo) error {
	now, err := r.d.root.Stat(name)
	if err != nil {
		return fmt.Errorf("file %q: %w: %w", name, err, store.ErrChanged)
	}
	return store.SameFile(name, then, now)
}

func (reader) Close() error { return nil }
