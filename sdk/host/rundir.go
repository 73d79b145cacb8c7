package host

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// runDir is the private directory of one process: its socket is in it, and it
// is its working directory unless it has another. It lies in
//
//	$TMPDIR/loraconv-<uid>/     0700, ours
//	  <random>/                 0700, its lock file held by the host
//	    lock
//	    plugin-dir<random>/     go-plugin's, with the socket
//
// A host that was killed leaves its directory behind. The next start takes
// every directory away whose lock nobody holds.
type runDir struct {
	path string
	lock *os.File
}

// longestTemp leaves room for the rest: the path of a socket has at most 104
// bytes on some systems.
const longestTemp = 30

func tempDir() string {
	if d := os.TempDir(); len(d) <= longestTemp || runtime.GOOS == "windows" {
		return d
	}
	return "/tmp"
}

func newRunDir() (_ *runDir, err error) {
	base := filepath.Join(tempDir(), "loraconv-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(base, 0o700); err != nil && !os.IsExist(err) {
		return nil, err
	}
	if err := private(base); err != nil {
		// Somebody else took the name, which is their right in a public place.
		if base, err = os.MkdirTemp(tempDir(), "loraconv-"); err != nil {
			return nil, err
		}
		return claim(base)
	}
	all, err := os.Open(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Close() }() // which gives the lock back
	if err := lock(all, true); err != nil {
		return nil, fmt.Errorf("lock of %s: %w", base, err)
	}
	sweep(base)
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		return nil, err
	}
	return claim(dir)
}

func claim(dir string) (*runDir, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = lock(f, false)
	}
	if err != nil {
		_ = f.Close()
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &runDir{path: dir, lock: f}, nil
}

// sweep removes what dead hosts left. The caller holds the lock of base, so no
// directory is between its making and its claim.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
		if os.IsNotExist(err) {
			_ = os.RemoveAll(dir) // its host was killed before the claim
			continue
		}
		if err != nil {
			continue
		}
		if lock(f, false) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = f.Close()
	}
}

func (d *runDir) remove() {
	_ = os.RemoveAll(d.path)
	_ = d.lock.Close()
}
