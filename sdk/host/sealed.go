package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// maxExecutable bounds what is copied before it is executed.
const maxExecutable = 1 << 30

// errChanged is an executable whose bytes are not those that were wanted.
type errChanged struct {
	path, got, want string
	n               int64
}

func (e errChanged) Error() string {
	return fmt.Sprintf("%q has %d bytes with SHA-256 %s, wanted %s", e.path, e.n, e.got, e.want)
}

// sealed copies the executable to a place where only this process can change
// it, checks the digest of the copy, and returns a path under which the new
// process finds it. Whatever happens to the file at path, what is executed is
// what was checked. The place is memory that is sealed, where the system has
// it, else a file in dir, which is private. A script must be a file: its
// interpreter opens it when the descriptor of the memory is closed. The digest
// covers the script and not its interpreter.
func sealed(path, want, dir string) (exe string, free func(), err error) {
	f, err := openExecutable(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }()
	if !script(f) {
		exe, free, err = inMemory(f, want)
		if !errors.Is(err, errors.ErrUnsupported) {
			return exe, free, err
		}
	}
	return asFile(f, want, dir)
}

func openExecutable(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	i, err := f.Stat()
	if err == nil && (!i.Mode().IsRegular() || i.Size() > maxExecutable) {
		err = fmt.Errorf("%q is not a regular file of at most %d bytes", path, int64(maxExecutable))
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func script(f *os.File) bool {
	var b [2]byte
	n, _ := f.ReadAt(b[:], 0)
	return n == 2 && string(b[:]) == "#!"
}

// asFile copies the executable into the process's private directory.
func asFile(f *os.File, want, dir string) (exe string, free func(), err error) {
	exe = filepath.Join(dir, "plugin"+filepath.Ext(f.Name()))
	// A process that is started elsewhere in this program while w is open would
	// hold it a moment longer, and an executable that is open for writing
	// cannot be started.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	w, err := os.OpenFile(exe, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500)
	if err != nil {
		return "", nil, err
	}
	err = copyChecked(w, f, want)
	if e := w.Close(); err == nil {
		err = e
	}
	return exe, func() {}, err
}

// copyChecked copies the executable into w and compares the digest of the
// bytes that it wrote.
func copyChecked(w io.Writer, f *os.File, want string) error {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.NewSectionReader(f, 0, maxExecutable+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return errChanged{f.Name(), got, want, n}
	}
	return nil
}
