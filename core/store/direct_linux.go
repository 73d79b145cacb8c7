package store

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens f's file once more, as flag says and past the page cache. It
// returns nil where that cannot be done. A descriptor of its own is needed:
// what is shorter than a block goes through f.
func openDirect(f *os.File, flag int) *os.File {
	g, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), flag|unix.O_DIRECT, 0)
	if err != nil {
		return nil // no /proc, or a file system that cannot
	}
	if st, err := g.Stat(); err != nil || !st.Mode().IsRegular() {
		_ = g.Close()
		return nil
	}
	return g
}

// refusedDirect reports whether err says that passing the page cache does not
// work here, such as on a disk of larger blocks, rather than that this one
// call failed.
func refusedDirect(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

// dropCache drops the clean pages of a part of f from the page cache; n = 0 is
// up to the end.
func dropCache(f *os.File, off, n int64) { _ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) }
