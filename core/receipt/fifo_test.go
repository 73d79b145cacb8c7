//go:build unix

package receipt

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A FIFO does not wait for whoever writes to it.
func TestVerifyFindsFIFOs(t *testing.T) {
	for name, kind := range map[string]string{"config.json": "unreadable", ManifestName: "manifest"} {
		dir := output(t)
		p := filepath.Join(dir, name)
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(p, 0o644); err != nil {
			t.Fatal(err)
		}
		finds(t, name+" as a FIFO", dir, kind)
	}
}
