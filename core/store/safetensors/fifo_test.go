//go:build unix

package safetensors

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/loraconv/loraconv/core/store"
)

// A FIFO does not wait for whoever writes to it.
func TestOpenRefusesFIFOs(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "a.safetensors"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), dir); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%v, wanted %v", err, store.ErrCorrupt)
	}
}
