//go:build !unix

package host

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func processAttributes() *syscall.SysProcAttr { return nil }

func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

// killGroup reaches the process alone: there are no groups here.
func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}

func killed(s *os.ProcessState) bool { return s.ExitCode() != 0 }

func exitText(s *os.ProcessState) string { return fmt.Sprintf("exited with status %d", s.ExitCode()) }

func highWater(int) int64 { return 0 }

func maxRSS(*os.ProcessState) int64 { return 0 }

func private(string) error { return nil }

// lock is not needed where an open file cannot be removed.
func lock(*os.File, bool) error { return nil }
