package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Publish makes everything durable and gives the stage its final name. An
// error that wraps ErrUnsynced means that the name is there and complete, but
// may not survive a power cut; after any other, the output is what it was, and
// the stage is still there for Abort.
func (s *Stage) Publish(ctx context.Context) error {
	if s.lock == nil {
		return errors.New("publish: the stage was closed")
	}
	if err := s.sync(ctx); err != nil {
		return err
	}
	if err := s.do("chmod", s.dir, func() error { return os.Chmod(s.dir, s.mode) }); err != nil {
		return err
	}
	if err := s.syncDir(s.dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	replaced, err := s.rename()
	if err != nil {
		return err
	}
	err = s.syncParents()
	s.made = nil
	// An output that was replaced is removed only when its successor is sure to
	// stand: after a power cut the name may be the old one's again.
	switch {
	case replaced == "":
	case err != nil:
		err = fmt.Errorf("%w (the output that was replaced is still in %s)", err, replaced)
	case s.removeAll(replaced) != nil:
		s.leftover = replaced
	}
	s.unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsynced, err)
	}
	return nil
}

// Leftover returns the directory of the output that was replaced, if Publish
// could not remove it. The next run that writes this output does.
func (s *Stage) Leftover() string { return s.leftover }

// rename gives the stage its name. replaced is where the old output is now, if
// there was one.
func (s *Stage) rename() (replaced string, err error) {
	err = s.do("rename", s.dir, func() error { return renameNoReplace(s.dir, s.output) })
	switch {
	case err == nil:
		return "", nil
	case !errors.Is(err, fs.ErrExist):
		return "", err
	case !s.force:
		return "", fmt.Errorf("%s: %w", s.output, ErrExists)
	}
	err = s.do("exchange", s.dir, func() error {
		if s.noExchange {
			return errors.ErrUnsupported
		}
		return exchange(s.dir, s.output)
	})
	if err == nil {
		return s.dir, nil
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		return "", err
	}
	return s.old, s.replaceInSteps()
}

// replaceInSteps is for file systems that cannot exchange two names: for an
// instant there is no output. A run that is stopped then leaves the old one
// where the next run finds and restores it.
func (s *Stage) replaceInSteps() error {
	if err := s.do("set aside", s.output, func() error { return renameNoReplace(s.output, s.old) }); err != nil {
		return err
	}
	err := s.do("rename", s.dir, func() error { return renameNoReplace(s.dir, s.output) })
	if err == nil {
		return nil
	}
	if back := s.do("restore", s.old, func() error { return renameNoReplace(s.old, s.output) }); back != nil {
		return fmt.Errorf("%w; the output is now %s and could not be put back: %w", err, s.old, back)
	}
	return err
}

// sync flushes every file and directory of the stage, and refuses what nobody
// created through it.
func (s *Stage) sync(ctx context.Context) error {
	var dirs []string
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
		rel, err := filepath.Rel(s.dir, p)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || !s.names.has(filepath.ToSlash(rel)) {
			return fmt.Errorf("stage: %q is there, and is no file that was created for the output", rel)
		}
		return s.syncFile(p)
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = s.syncDir(dirs[i])
	}
	return err
}

func (s *Stage) syncFile(p string) error {
	f, err := os.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return s.finish(f, nil)
}
