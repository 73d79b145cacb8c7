//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile creates and locks a file. The lock is the kernel's, so it goes with
// the process.
func lockFile(name string) (*os.File, error) {
	for range 100 {
		f, made, err := openLock(name)
		if err != nil {
			return nil, err
		}
		if err := retried(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }); err != nil {
			holder := holderOf(f)
			_ = f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("%s: %w%s", name, ErrLocked, holder)
			}
			if made { // what was there may be locked by somebody
				_ = os.Remove(name)
			}
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		// The holder before us may have removed the name between open and lock.
		mine, err := f.Stat()
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		if named, err := os.Lstat(name); err == nil && os.SameFile(mine, named) {
			tellHolder(f)
			return f, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("%s: %w: it keeps vanishing", name, ErrLocked)
}

// openLock opens the lock's file, and says whether it made it.
func openLock(name string) (f *os.File, made bool, err error) {
	const flags = os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	for range 100 {
		if f, err = os.OpenFile(name, flags|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			return f, true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		if f, err = os.OpenFile(name, flags, 0); !errors.Is(err, fs.ErrNotExist) {
			break // else it vanished meanwhile
		}
	}
	return f, false, err
}

// tellHolder writes our process id into a lock that is held, for people only:
// a full disk is no reason not to lock.
func tellHolder(f *os.File) {
	text := fmt.Sprintf("%d\n", os.Getpid())
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(text), 0)
	}
}

// holderOf says who holds a lock, as far as that is written in it.
func holderOf(f *os.File) string {
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// renamePlain is for file systems without RENAME_NOREPLACE: the lock keeps
// other runs out, and rename(2) refuses a directory that is not empty.
func renamePlain(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	err := retried(func() error { return syscall.Rename(from, to) })
	if errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOTEMPTY) {
		return fs.ErrExist
	}
	return err
}

// retried makes a system call anew while a signal interrupts it, as package os
// does. The Go runtime sends itself signals, and some file systems give up at
// any: tmpfs while it allocates, others while they rename.
func retried(call func() error) error {
	err := call()
	for errors.Is(err, unix.EINTR) {
		err = call()
	}
	return err
}

// product is blocks times their size, or the most there is: some file systems
// without an end say that all of it is free.
func product(blocks, size uint64) int64 {
	hi, lo := bits.Mul64(blocks, size)
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}
