package plugin

import (
	"os"
	"strconv"

	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// holdLifeline ends this process when the host has gone. The host keeps the
// other end of the pipe and writes nothing to it, so a read returns only then.
// On Linux the kernel's parent-death signal does the same, sooner; but it is
// lost with a change of user, and other systems do not have it.
func holdLifeline() {
	n, err := strconv.ParseUint(os.Getenv(wire.EnvLifeline), 10, 16)
	if err != nil || n < 3 {
		return // started by a debugger
	}
	closeOnExec(uintptr(n))
	f := os.NewFile(uintptr(n), "lifeline")
	if f == nil {
		return
	}
	go func() {
		_, _ = f.Read(make([]byte, 1))
		endGroup()
		os.Exit(1)
	}()
}
