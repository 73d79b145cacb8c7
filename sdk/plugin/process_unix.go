//go:build unix

package plugin

import "syscall"

func closeOnExec(fd uintptr) { syscall.CloseOnExec(int(fd)) }

// endGroup kills this process and what it has started, if the host gave it a
// process group of its own.
func endGroup() {
	if syscall.Getpgrp() == syscall.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}
