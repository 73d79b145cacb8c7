//go:build unix

package plugin

import (
	"os"

	"golang.org/x/sys/unix"
)

// guardStdout makes descriptor 1 another name of stderr, so that no print can
// spoil the handshake, not even one by a library that knows nothing of Go.
// os.Stdout stays the real stdout until go-plugin has written its line there.
func guardStdout() {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return // no stdout; go-plugin will say so
	}
	if err := dup2(2, 1); err != nil {
		_ = unix.Close(fd)
		return
	}
	os.Stdout = os.NewFile(uintptr(fd), "handshake")
}
