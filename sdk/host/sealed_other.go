//go:build !linux

package host

import (
	"errors"
	"os"
)

func inMemory(*os.File, string) (exe string, free func(), err error) {
	return "", nil, errors.ErrUnsupported
}
