package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Stage is an output directory in the making: a hidden directory beside the
// place where it will be, on the same file system.
//
//	lock     .<name>.loraconv-lock in the parent, held by flock: it dies with us
//	stage    .<name>.loraconv-stage, mode 0700, files created exclusively and
//	         preallocated
//	publish  fsync of every file and directory, rename without replacing, fsync
//	         of the parent
//
// At every instant the final name is absent or complete. A stage that a dead
// run left is removed by the next one.
type Stage struct {
	output  string
	parent  string
	dir     string
	lock    *os.File
	force   bool
	mode    fs.FileMode // of a directory that the user makes, umask applied
	made    []string    // parents that we created, outermost first
	written []string
}

// StageOptions says what an output needs.
type StageOptions struct {
	Force bool  // replace what is there
	Need  int64 // bytes that will be written
}

// reserve is the part of a file system that is left free, one in so many.
const reserve = 20

// NewStage locks an output and makes its stage. Errors wrap ErrExists,
// ErrLocked or ErrNoSpace where that is the reason. On an error nothing is
// left behind.
func NewStage(output string, o StageOptions) (*Stage, error) {
	output, err := filepath.Abs(output)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(output)
	s := &Stage{output: output, parent: filepath.Dir(output), force: o.Force}
	s.dir = filepath.Join(s.parent, "."+name+".loraconv-stage")
	if err := s.begin(name, o.Need); err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	return s, nil
}

func (s *Stage) begin(name string, need int64) error {
	if name == "/" || name == "." {
		return fmt.Errorf("%q is no name for an output directory", s.output)
	}
	if err := s.makeParents(); err != nil {
		return err
	}
	lock, err := lockFile(filepath.Join(s.parent, "."+name+".loraconv-lock"))
	if err != nil {
		return err
	}
	s.lock = lock
	if _, err := os.Lstat(s.output); err == nil && !s.force {
		return fmt.Errorf("%s: %w", s.output, ErrExists)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(s.dir); err != nil { // of a run that died
		return fmt.Errorf("a stage that an earlier run left cannot be removed: %w", err)
	}
	free, err := freeSpace(s.parent)
	if err != nil {
		return err
	}
	if free >= 0 && need > free-free/reserve {
		return fmt.Errorf("%w: %d bytes are needed, %d are free (one part in %d is left free)", ErrNoSpace, need, free, reserve)
	}
	if err := os.Mkdir(s.dir, 0o777); err != nil {
		return err
	}
	st, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	s.mode = st.Mode().Perm()
	return os.Chmod(s.dir, 0o700)
}

// makeParents creates the output's parents and remembers which were absent.
func (s *Stage) makeParents() error {
	var absent []string
	for d := s.parent; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		absent = append([]string{d}, absent...)
	}
	for _, d := range absent {
		err := os.Mkdir(d, 0o777)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err == nil {
			s.made = append(s.made, d)
		}
	}
	return nil
}

// Dir returns the stage's path.
func (s *Stage) Dir() string { return s.dir }

// path returns where a relative name lies, and makes its directories.
func (s *Stage) path(rel string) (string, error) {
	if err := CheckName(rel); err != nil {
		return "", err
	}
	for _, w := range s.written {
		if strings.EqualFold(w, rel) {
			return "", fmt.Errorf("%q and %q would be one file on some file systems", w, rel)
		}
	}
	s.written = append(s.written, rel)
	p := filepath.Join(s.dir, filepath.FromSlash(rel))
	return p, os.MkdirAll(filepath.Dir(p), 0o777)
}

// CreateFile creates a file of the given size, its room allocated.
func (s *Stage) CreateFile(rel string, size int64) (*os.File, error) {
	p, err := s.path(rel)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	if err := allocate(f, size); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// WriteFile writes a whole file.
func (s *Stage) WriteFile(rel string, data []byte) error {
	f, err := s.CreateFile(rel, int64(len(data)))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Close())
}

// CopyFile copies a regular file out of root and returns its digest, hex, and
// its size. Links are not followed out of root.
func (s *Stage) CopyFile(rel string, root *os.Root, from string) (digest string, n int64, err error) {
	src, err := root.Open(filepath.FromSlash(from))
	if err != nil {
		return "", 0, err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return "", 0, err
	}
	if !st.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%q is not a regular file", from)
	}
	dst, err := s.CreateFile(rel, 0)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err = io.Copy(io.MultiWriter(dst, h), src)
	return hex.EncodeToString(h.Sum(nil)), n, errors.Join(err, dst.Close())
}

// Publish makes everything durable and gives the stage its final name. An
// error that wraps ErrUnsynced means that the name is there and complete, but
// may not survive a power cut; after any other, the stage is still there for
// Abort.
func (s *Stage) Publish(ctx context.Context) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, s.mode); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	replaced := ""
	switch err := renameNoReplace(s.dir, s.output); {
	case errors.Is(err, fs.ErrExist) && s.force:
		if err := exchange(s.dir, s.output); err != nil {
			return err
		}
		replaced = s.dir
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", s.output, ErrExists)
	case err != nil:
		return err
	}
	err := syncDir(s.parent)
	for i := len(s.made) - 1; i >= 0 && err == nil; i-- {
		err = syncDir(filepath.Dir(s.made[i]))
	}
	s.made = nil
	if replaced != "" {
		os.RemoveAll(replaced)
	}
	s.unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsynced, err)
	}
	return nil
}

// sync flushes every file and directory of the stage.
func (s *Stage) sync(ctx context.Context) error {
	dirs := []string{}
	err := filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.IsDir() {
			dirs = append(dirs, p)
			return nil
		}
		f, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = syncDir(dirs[i])
	}
	return err
}

// Abort removes the stage, the lock and the parents that NewStage made. It may
// be called after Publish, and then does nothing.
func (s *Stage) Abort() error {
	if s.lock == nil {
		s.removeParents()
		return nil
	}
	err := os.RemoveAll(s.dir)
	s.unlock()
	s.removeParents()
	return err
}

func (s *Stage) removeParents() {
	for i := len(s.made) - 1; i >= 0; i-- {
		if os.Remove(s.made[i]) != nil {
			return // somebody else uses it
		}
	}
	s.made = nil
}

// unlock removes the lock file while it is held, so that nobody can lock a
// name that is about to vanish without noticing.
func (s *Stage) unlock() {
	if s.lock == nil {
		return
	}
	os.Remove(s.lock.Name())
	s.lock.Close()
	s.lock = nil
}

// CheckName reports why a relative, slash-separated name cannot be a file of an
// output: it must stay inside, and exist under that name on every system.
func CheckName(rel string) error {
	if rel == "" || len(rel) > 1024 || path.Clean(rel) != rel || !filepath.IsLocal(rel) {
		return fmt.Errorf("%q is not a plain relative path", rel)
	}
	for _, part := range strings.Split(rel, "/") {
		if err := checkComponent(part); err != nil {
			return fmt.Errorf("%q: %w", rel, err)
		}
	}
	return nil
}
