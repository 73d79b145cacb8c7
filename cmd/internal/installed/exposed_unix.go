//go:build unix

package installed

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// exposed refuses what others than root and this user may change.
func exposed(path string, st fs.FileInfo) error {
	if st.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%q is a symbolic link", path)
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%q may be changed by others (mode %04o); chmod go-w %q if only you should", path, st.Mode().Perm(), path)
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Getuid() {
		return fmt.Errorf("%q belongs to user %d, wanted root or user %d", path, s.Uid, os.Getuid())
	}
	return nil
}
