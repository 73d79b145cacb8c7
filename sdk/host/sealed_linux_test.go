package host

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Memory that is held for a moment is sealed when it is free; memory that stays
// held is not taken for sealed, and another way is found.
func TestSealWaits(t *testing.T) {
	held := func() (fd int, free func()) {
		fd, err := unix.MemfdCreate("held", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Fatal(err)
		}
		p, err := unix.Mmap(fd, 0, 1, unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		return fd, func() {
			if err := unix.Munmap(p); err != nil {
				t.Error(err)
			}
		}
	}
	fd, free := held()
	time.AfterFunc(30*time.Millisecond, free)
	if err := seal(uintptr(fd)); err != nil {
		t.Errorf("held for a moment: %v", err)
	}
	if _, err := unix.Write(fd, []byte("y")); err != unix.EPERM {
		t.Errorf("a write into sealed memory: %v", err)
	}
	fd, free = held()
	defer free()
	if err := seal(uintptr(fd)); !errors.Is(err, unix.EBUSY) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("held all the time: %v", err)
	}
}
