package orbax

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"sync"

	"github.com/loraconv/loraconv/core/store"
)

// maxOpen bounds the descriptors of one fileSet: a save of many hosts has
// thousands of data files.
const maxOpen = 64

// fileSet opens files below a root and remembers what they were when they
// were first opened. Names are slash-separated and relative to the root.
type fileSet struct {
	root *os.Root

	mu     sync.Mutex
	files  map[string]*file
	open   int
	clock  uint64
	closed bool
}

type file struct {
	info  fs.FileInfo
	f     *os.File // nil while it is not open
	users int
	last  uint64
}

func newFileSet(root *os.Root) *fileSet {
	return &fileSet{root: root, files: map[string]*file{}}
}

// acquire returns an open file, which must be released.
func (s *fileSet) acquire(name string) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("file %q: %w", name, fs.ErrClosed)
	}
	f := s.files[name]
	if f == nil || f.f == nil {
		handle, info, err := store.OpenRegular(s.root, name)
		if err != nil {
			return nil, err
		}
		if f == nil {
			f = &file{info: info}
			s.files[name] = f
		} else if err := store.SameFile(name, f.info, info); err != nil {
			_ = handle.Close()
			return nil, err
		}
		f.f = handle
		s.open++
	}
	s.clock++
	f.last = s.clock
	f.users++
	s.evict()
	return f, nil
}

// evict closes the files that were not used for longest.
func (s *fileSet) evict() {
	for s.open > maxOpen {
		var oldest *file
		last := uint64(math.MaxUint64)
		for _, f := range s.files {
			if f.f != nil && f.users == 0 && f.last < last {
				oldest, last = f, f.last
			}
		}
		if oldest == nil {
			return
		}
		_ = oldest.f.Close()
		oldest.f = nil
		s.open--
	}
}

func (s *fileSet) release(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.users--; s.closed && f.users == 0 && f.f != nil {
		_ = f.f.Close()
		f.f = nil
	}
}

// Size returns the size of a regular file.
func (s *fileSet) Size(name string) (int64, error) {
	s.mu.Lock()
	f := s.files[name]
	s.mu.Unlock()
	if f == nil {
		var err error
		if f, err = s.acquire(name); err != nil {
			return 0, err
		}
		s.release(f)
	}
	return f.info.Size(), nil
}

// ReadAt fills p from offset.
func (s *fileSet) ReadAt(name string, p []byte, offset int64) error {
	f, err := s.acquire(name)
	if err != nil {
		return err
	}
	defer s.release(f)
	n, err := f.f.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err != io.EOF {
		return fmt.Errorf("file %q, offset %d: %w", name, offset, err)
	}
	if size := f.info.Size(); offset <= size && int64(len(p)) <= size-offset {
		return fmt.Errorf("file %q is shorter than the %d bytes it had when it was opened: %w", name, size, store.ErrChanged)
	}
	return fmt.Errorf("file %q ends before byte %d: %w", name, offset+int64(len(p)), store.ErrCorrupt)
}

// readAll reads a metadata file of at most limit bytes.
func (s *fileSet) readAll(name string, limit int64) ([]byte, error) {
	size, err := s.Size(name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("file %q has %d bytes, at most %d are supported: %w", name, size, limit, store.ErrUnsupported)
	}
	data := make([]byte, size)
	return data, s.ReadAt(name, data, 0)
}

// recheck reports the first file that is not what it was when it was opened.
func (s *fileSet) recheck() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, f := range s.files {
		now, err := s.root.Stat(name)
		if err != nil {
			return fmt.Errorf("file %q: %w: %w", name, err, store.ErrChanged)
		}
		if err := store.SameFile(name, f.info, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *fileSet) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, f := range s.files {
		if f.f != nil && f.users == 0 {
			errs = append(errs, f.f.Close())
			f.f = nil
		}
	}
	return errors.Join(errs...)
}

// below gives access to the files of a directory of the set, as ocdbt.Files.
type below struct {
	*fileSet
	dir string
}

func (b below) path(name string) string { return path.Join(b.dir, name) }

func (b below) Size(name string) (int64, error) { return b.fileSet.Size(b.path(name)) }

func (b below) ReadAt(name string, p []byte, offset int64) error {
	return b.fileSet.ReadAt(b.path(name), p, offset)
}

func (b below) Names() ([]string, error) {
	entries, err := listDir(b.root, b.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (b below) readAll(name string, limit int64) ([]byte, error) {
	return b.fileSet.readAll(b.path(name), limit)
}

// section is a range of a file, or of bytes inside an index node.
type section struct {
	files  *fileSet
	name   string
	offset int64
	length int64
	inline []byte // the bytes themselves, if files is nil
}

func (s *section) Size() int64 { return s.length }

func (s *section) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > s.length {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), s.length-at)]
	if s.files == nil {
		copy(want, s.inline[at:])
	} else if err := s.files.ReadAt(s.name, want, s.offset+at); err != nil {
		return 0, err
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(p), nil
}
