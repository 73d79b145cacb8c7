package host

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// inMemory copies the executable into memory that nobody can change any more.
// A kernel without such memory, or one that executes none (vm.memfd_noexec),
// gives ErrUnsupported.
func inMemory(f *os.File, want string) (exe string, free func(), err error) {
	fd, err := unix.MemfdCreate("loraconv-plugin", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3, when all of them were executable
		fd, err = unix.MemfdCreate("loraconv-plugin", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return "", nil, fmt.Errorf("memfd_create: %w: %w", err, errors.ErrUnsupported)
	}
	low := os.NewFile(uintptr(fd), "memfd")
	defer func() { _ = low.Close() }()
	if err := copyChecked(low, f, want); err != nil {
		return "", nil, err
	}
	if err := seal(low.Fd()); err != nil {
		return "", nil, err
	}
	// A number that the descriptors given to the child cannot take.
	high, err := unix.FcntlInt(low.Fd(), unix.F_DUPFD_CLOEXEC, 64)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", high), func() { _ = unix.Close(high) }, nil
}

// seal makes the memory unchangeable. The kernel refuses with EBUSY while
// somebody holds one of its pages, if only for a moment to move it: that is
// tried again, for a quarter of a second at least, and then is ErrUnsupported.
func seal(fd uintptr) error {
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	var err error
	for range 25 {
		if _, err = unix.FcntlInt(fd, unix.F_ADD_SEALS, seals); err != unix.EBUSY {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	switch err {
	case nil:
		return nil
	case unix.EBUSY:
		return fmt.Errorf("seal: %w: %w", err, errors.ErrUnsupported)
	}
	return fmt.Errorf("seal: %w", err)
}
