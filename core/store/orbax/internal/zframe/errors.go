package zframe

import (
	"errors"
	"fmt"
)

// ErrCorrupt is what all errors about the frame wrap.
var ErrCorrupt = errors.New("zstd frame is corrupt")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}
