package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/core/atomicfile"
)

// makeParents creates the output's parents and remembers which were absent.
func (s *Stage) makeParents() error {
	var absent []string
	for d := s.parent; ; d = filepath.Dir(d) {
		exists, err := s.stat(d)
		if err != nil {
			return err
		}
		if exists {
			break
		}
		absent = append(absent, d)
	}
	for i := len(absent) - 1; i >= 0; i-- {
		d := absent[i]
		err := s.do("mkdir", d, func() error { return os.Mkdir(d, dirMode) })
		switch {
		case err == nil:
			s.made = append(s.made, d)
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return nil
}

func (s *Stage) stat(name string) (exists bool, err error) {
	err = s.do("stat", name, func() error {
		_, err := os.Stat(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// removeParents removes those that are ours and that nobody else uses.
func (s *Stage) removeParents() {
	for i := len(s.made) - 1; i >= 0; i-- {
		if s.do("rmdir", s.made[i], func() error { return os.Remove(s.made[i]) }) != nil {
			break
		}
	}
	s.made = nil
}

// syncParents makes the names durable: the output's own, and those of the
// directories that we made above it.
func (s *Stage) syncParents() error {
	err := s.syncDir(s.parent)
	for i := len(s.made) - 1; i >= 0 && err == nil; i-- {
		err = s.syncDir(filepath.Dir(s.made[i]))
	}
	return err
}

func (s *Stage) syncDir(dir string) error {
	return s.do("fsync", dir, func() error { return atomicfile.SyncDir(dir) })
}
