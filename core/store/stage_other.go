//go:build unix && !linux

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives the file its size; only Linux reserves the room.
func allocate(f *os.File, size int64) error { return f.Truncate(size) }

// freeSpace returns the bytes that this user may still write under dir.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return product(uint64(max(0, int64(st.Bavail))), uint64(st.Bsize)), nil // BSDs count below zero
}

func renameNoReplace(from, to string) error { return renamePlain(from, to) }

func exchange(_, _ string) error { return errors.ErrUnsupported }
