//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile creates and locks a file. The lock is the kernel's, so it goes with
// the process.
func lockFile(name string) (*os.File, error) {
	for range 100 {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("%s: %w", name, ErrLocked)
			}
			return nil, err
		}
		// The holder before us may have removed the name between open and lock.
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if named, err := os.Stat(name); err == nil && os.SameFile(mine, named) {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("%s: %w: it keeps vanishing", name, ErrLocked)
}

// renamePlain is for file systems without RENAME_NOREPLACE: the lock keeps
// other runs out, and rename(2) refuses a directory that is not empty.
func renamePlain(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	err := syscall.Rename(from, to)
	if errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOTEMPTY) {
		return fs.ErrExist
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // a file system without directory fsync
	}
	return errors.Join(err, d.Close())
}
