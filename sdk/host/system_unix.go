//go:build unix

package host

import (
	"fmt"
	"os"
	"syscall"
)

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func killed(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGKILL
}

func exitText(s *os.ProcessState) string {
	w, ok := s.Sys().(syscall.WaitStatus)
	switch {
	case killed(s):
		return "was ended by signal 9 (killed), as the kernel does when memory runs out"
	case ok && w.Signaled():
		return fmt.Sprintf("was ended by signal %d (%v)", int(w.Signal()), w.Signal())
	}
	return fmt.Sprintf("exited with status %d", s.ExitCode())
}

// private refuses a directory that others could change.
func private(dir string) error {
	i, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if s, ok := i.Sys().(*syscall.Stat_t); !i.IsDir() || i.Mode().Perm() != 0o700 || !ok || int(s.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a directory of ours with mode 0700", dir)
	}
	return nil
}

// lock takes the lock of an open file or directory, which ends with its last
// descriptor.
func lock(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}
