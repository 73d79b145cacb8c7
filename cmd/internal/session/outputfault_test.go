package session

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/store"
)

// A copy can fail on either side, and the exit codes tell which.
func TestSideFileFault(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  string
		class diag.Class
	}{
		{store.ErrChanged, "source-changed", diag.Changed},
		{store.ErrNotFound, "side-file", diag.Source},
		{store.ErrCorrupt, "side-file", diag.Source},
		{fmt.Errorf("%w: %w", store.ErrUnreadable, fs.ErrPermission), "side-file", diag.Source},
		{fs.ErrPermission, "output-failed", diag.Output},
		{store.ErrNoSpace, "no-space", diag.Output},
		{syscall.EIO, "output-failed", diag.Output},
	} {
		var d *diag.Diagnostic
		err := sideFileFault(fmt.Errorf("copy \"a\": %w", c.err), "a")
		if !errors.As(err, &d) || d.Code != c.code || d.Class != c.class {
			t.Errorf("%v: %+v, wanted %s of class %v", c.err, d, c.code, c.class)
		}
	}
}
