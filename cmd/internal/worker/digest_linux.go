package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropCache asks that the file is read from the disk next.
func dropCache(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
