package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves size bytes, so that a full disk shows before the first
// byte is written. File systems that cannot reserve get a sparse file.
func allocate(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	err := retried(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return f.Truncate(size)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w: %d bytes for %s: %w", ErrNoSpace, size, f.Name(), err)
	}
	return err
}

// freeSpace returns the bytes that this user may still write under dir.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	if st.Blocks == 0 { // file systems without a size
		return -1, nil
	}
	return product(st.Bavail, uint64(st.Bsize)), nil
}

func renameNoReplace(from, to string) error {
	err := retried(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	switch {
	case errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOTEMPTY):
		return fs.ErrExist
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return renamePlain(from, to)
	}
	return err
}

// exchange swaps two names, so that one of the two outputs is always there. An
// error wraps errors.ErrUnsupported where the file system cannot.
func exchange(from, to string) error {
	err := retried(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errors.ErrUnsupported
	}
	return err
}
