//go:build unix && !linux

package host

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// processAttributes gives the process a group of its own. That it dies with
// its host is left to the lifeline.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit cannot leave the process unreaped here.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

func highWater(int) int64 { return 0 }

func maxRSS(s *os.ProcessState) int64 {
	r, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(r.Maxrss)
	}
	return int64(r.Maxrss) << 10
}
