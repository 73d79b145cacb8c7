//go:build unix

package engine

import "golang.org/x/sys/unix"

// Buffers come from outside of the Go heap: what is given back is gone at once,
// whatever the garbage collector does, so that the budget is what is resident.
func mapMemory(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		wantHugePages(b)
	}
	return b, err
}

func unmapMemory(b []byte) { _ = unix.Munmap(b) }
