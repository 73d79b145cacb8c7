package worker

import (
	"bytes"
	"os"
	"strconv"
)

// peakRSS returns the most that this process ever had resident, in bytes.
// getrusage would do but for one thing: it counts what the parent had resident
// when it forked.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	if !ok {
		return 0
	}
	field := bytes.Fields(rest)[0]
	n, _ := strconv.ParseInt(string(field), 10, 64)
	return n << 10
}
