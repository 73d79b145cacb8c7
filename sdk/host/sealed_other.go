//go:build !linux

package host

import (
	"os"
	"path/filepath"
)

// sealed copies the executable into the process's private directory.
func sealed(path, want, dir string) (exe string, free func(), err error) {
	exe = filepath.Join(dir, filepath.Base(path))
	f, err := os.OpenFile(exe, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500)
	if err != nil {
		return "", nil, err
	}
	err = copyChecked(f, path, want)
	if e := f.Close(); err == nil {
		err = e
	}
	return exe, func() {}, err
}
