package orbax

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/store"
)

const (
	maxListing = 1 << 20 // names in one directory
	listBatch  = 1024
)

// listDir lists a directory, sorted by name.
func listDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, store.OpenError(dir, err)
	}
	defer func() { _ = d.Close() }()
	var out []fs.DirEntry
	for {
		batch, err := d.ReadDir(listBatch)
		out = append(out, batch...)
		if len(out) > maxListing {
			return nil, fmt.Errorf("directory %q has more than %d entries: %w", dir, maxListing, store.ErrUnsupported)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("directory %q: %w", dir, err)
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// kindOf returns the type of an entry, following a symbolic link that stays
// below the root; fs.ModeIrregular for one that cannot be followed.
func kindOf(root *os.Root, path string, e fs.DirEntry) fs.FileMode {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type()
	}
	info, err := root.Stat(path)
	if err != nil {
		return fs.ModeIrregular
	}
	return info.Mode().Type()
}

// exists reports whether a name exists below the root, following links.
func exists(root *os.Root, name string) bool {
	_, err := root.Stat(name)
	return err == nil
}
