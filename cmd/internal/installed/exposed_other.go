//go:build !unix

package installed

import (
	"fmt"
	"io/fs"
)

// exposed refuses links; access lists are not read here.
func exposed(path string, st fs.FileInfo) error {
	if st.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%q is a symbolic link", path)
	}
	return nil
}
