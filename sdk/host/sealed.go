package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// maxExecutable bounds what is copied before it is executed.
const maxExecutable = 1 << 30

// copyChecked copies the executable into w and compares the digest of the
// bytes that it wrote.
func copyChecked(w io.Writer, path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return err
	}
	if !i.Mode().IsRegular() || i.Size() > maxExecutable {
		return fmt.Errorf("%q is not a regular file of at most %d bytes", path, int64(maxExecutable))
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(f, maxExecutable+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%q has %d bytes with SHA-256 %s, wanted %s", path, n, got, want)
	}
	return nil
}
