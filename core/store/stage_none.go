//go:build !unix

package store

import (
	"errors"
	"fmt"
	"os"
)

// Outputs are published on Unix systems; elsewhere, checkpoints can be read.
var errPublish = fmt.Errorf("publish an output on this system: %w", errors.ErrUnsupported)

func lockFile(string) (*os.File, error)     { return nil, errPublish }
func allocate(f *os.File, size int64) error { return f.Truncate(size) }
func freeSpace(string) (int64, error)       { return -1, nil }
func renameNoReplace(_, _ string) error     { return errPublish }
func exchange(_, _ string) error            { return errors.ErrUnsupported }
