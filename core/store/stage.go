package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Stage is an output directory in the making: a hidden directory beside the
// place where it will be, on the same file system.
//
//	lock     .<name>.loraconv-lock in the parent, held by flock: it dies with us
//	stage    .<name>.loraconv-stage, mode 0700, files created exclusively and
//	         preallocated
//	publish  fsync of every file and directory, rename without replacing, fsync
//	         of the parent (publish.go)
//	old      .<name>.loraconv-old, for an instant, where Force replaces an
//	         output on a file system that cannot exchange two names
//
// At every instant the final name is absent or complete. What a dead run left
// is removed by the next one. A Stage is for one goroutine.
type Stage struct {
	output string
	parent string
	dir    string
	old    string
	lock   *os.File
	force  bool
	mode   fs.FileMode // of the published directory
	made   []string    // parents that we created, outermost first
	names  nameSet     // files that were created in the stage
	took   bool

	leftover string

	// In tests, before makes a call fail, and noExchange stands for a file
	// system that cannot exchange two names.
	before     func(op, name string) error
	noExchange bool
}

// StageOptions says what an output needs.
type StageOptions struct {
	Force bool  // replace what is there
	Need  int64 // bytes that will be written
}

// reserve is the part of a file system that is left free, one in so many.
const reserve = 20

// The modes of what is published, before the umask.
const (
	dirMode  fs.FileMode = 0o755
	fileMode fs.FileMode = 0o644
)

// NewStage locks an output and makes its stage. Errors wrap ErrExists,
// ErrLocked or ErrNoSpace where that is the reason. On an error nothing is
// left behind.
func NewStage(output string, o StageOptions) (*Stage, error) {
	return newStage(output, o, nil, false)
}

func newStage(output string, o StageOptions, before func(op, name string) error, noExchange bool) (*Stage, error) {
	output, err := filepath.Abs(output)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(output)
	if name == "/" || name == "." {
		return nil, fmt.Errorf("%q is no name for an output directory", output)
	}
	parent := filepath.Dir(output)
	s := &Stage{
		output: output, parent: parent, force: o.Force, names: nameSet{}, before: before, noExchange: noExchange,
		dir: filepath.Join(parent, "."+name+".loraconv-stage"),
		old: filepath.Join(parent, "."+name+".loraconv-old"),
	}
	if err := s.begin(filepath.Join(parent, "."+name+".loraconv-lock"), o.Need); err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	return s, nil
}

func (s *Stage) begin(lock string, need int64) error {
	if err := s.takeLock(lock); err != nil {
		return err
	}
	if err := s.cleanUp(); err != nil {
		return err
	}
	exists, err := s.exists(s.output)
	if err != nil {
		return err
	}
	if exists && !s.force {
		return fmt.Errorf("%s: %w", s.output, ErrExists)
	}
	if err := s.checkSpace(need); err != nil {
		return err
	}
	return s.makeStage()
}

// takeLock locks the output, whose parents it makes. Another run that gives up
// may remove the parents in between, if it was the one that made them.
func (s *Stage) takeLock(name string) error {
	for try := 0; ; try++ {
		if err := s.makeParents(); err != nil {
			return err
		}
		err := s.do("lock", name, func() (err error) {
			s.lock, err = lockFile(name)
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) || try == 10 {
			return err
		}
	}
}

// cleanUp removes what a run that died has left, and gives back the output
// that it was about to replace.
func (s *Stage) cleanUp() error {
	old, err := s.exists(s.old)
	if err != nil {
		return err
	}
	if old {
		output, err := s.exists(s.output)
		if err != nil {
			return err
		}
		if !output {
			if err := s.do("restore", s.old, func() error { return renameNoReplace(s.old, s.output) }); err != nil {
				return fmt.Errorf("an earlier run was stopped while it replaced %s, which is now %s and cannot be put back: %w", s.output, s.old, err)
			}
		}
	}
	stale, err := s.exists(s.dir)
	if err != nil {
		return err
	}
	s.took = old || stale
	for _, dir := range []string{s.old, s.dir} {
		if err := s.removeAll(dir); err != nil {
			return fmt.Errorf("what an earlier run left cannot be removed: %w", err)
		}
	}
	return nil
}

// checkSpace is done before the first byte is written.
func (s *Stage) checkSpace(need int64) error {
	var free int64
	err := s.do("statfs", s.parent, func() (err error) {
		free, err = freeSpace(s.parent)
		return err
	})
	if err != nil {
		return err
	}
	if free >= 0 && need > free-free/reserve {
		return fmt.Errorf("%w: %d bytes are needed, %d are free (one part in %d is left free)", ErrNoSpace, need, free, reserve)
	}
	return nil
}

// makeStage makes the directory, for the user's eyes only until it is
// published; what the umask leaves of dirMode is seen on the way.
func (s *Stage) makeStage() error {
	if err := s.do("mkdir", s.dir, func() error { return os.Mkdir(s.dir, dirMode) }); err != nil {
		return err
	}
	st, err := os.Lstat(s.dir)
	if err != nil {
		return err
	}
	s.mode = st.Mode().Perm()
	return s.do("chmod", s.dir, func() error { return os.Chmod(s.dir, 0o700) })
}

// Dir returns the stage's path.
func (s *Stage) Dir() string { return s.dir }

// TookOver reports whether a run that died had left a stage here, which was
// removed.
func (s *Stage) TookOver() bool { return s.took }

// Abort removes the stage, the lock and the parents that NewStage made. It may
// be called after Publish, and then does nothing.
func (s *Stage) Abort() error {
	var err error
	if s.lock != nil {
		err = s.removeAll(s.dir)
		s.unlock()
	}
	s.removeParents()
	return err
}

// unlock removes the lock file while it is held, so that nobody can lock a
// name that is about to vanish without noticing.
func (s *Stage) unlock() {
	if s.lock == nil {
		return
	}
	_ = s.do("unlock", s.lock.Name(), func() error { return os.Remove(s.lock.Name()) })
	_ = s.lock.Close()
	s.lock = nil
}

// do makes one call that changes the disk.
func (s *Stage) do(op, name string, call func() error) error {
	if s.before != nil {
		if err := s.before(op, name); err != nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return call()
}

func (s *Stage) removeAll(dir string) error {
	return s.do("remove", dir, func() error { return os.RemoveAll(dir) })
}

func (s *Stage) exists(name string) (bool, error) {
	err := s.do("lstat", name, func() error {
		_, err := os.Lstat(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
