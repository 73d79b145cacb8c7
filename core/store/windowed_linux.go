package store

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback asks the kernel to begin writing a range.
func startWriteback(f *os.File, off, n int64) error {
	return syncRange(f, off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// waitWriteback waits until a range is on disk.
//
// An error must be kept: waiting takes it from the descriptor (the kernel's
// file_check_and_advance_wb_err), and an fsync that follows no longer has it.
func waitWriteback(f *os.File, off, n int64) error {
	return syncRange(f, off, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

func syncRange(f *os.File, off, n int64, flags int) error {
	err := retried(func() error { return unix.SyncFileRange(int(f.Fd()), off, n, flags) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ESPIPE):
		return nil // this kind of file has no write-back that could be started
	}
	return fmt.Errorf("write back %d bytes at %d of %s: %w", n, off, f.Name(), err)
}
