package orbax

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
)

// database holds the keys of a tree, sorted, and where their values are:
// from an OCDBT database or from a directory of files, which differ in
// nothing else.
type database struct {
	ocdbt   bool
	entries []ocdbt.Entry
	odd     map[string]error // paths in a directory that are neither file nor directory, and why
	folders []string         // directories in a directory
}

const processPrefix = "ocdbt.process_"

// openDatabase reads the keys of the tree in dir. What identifies the index is
// written to sum.
func openDatabase(ctx context.Context, dir below, use *bool, sum hash.Hash) (*database, error) {
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	has := slices.Contains(names, ocdbt.Manifest)
	process := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, processPrefix) })
	if use != nil && !*use || use == nil && !has && !process {
		return walkDirectory(ctx, dir)
	}
	if !has && process {
		return nil, fmt.Errorf("file %q is missing beside %s* directories: the save was not finished, its databases were never merged; save again, or use an earlier step: %w", dir.path(ocdbt.Manifest), processPrefix, store.ErrUnfinished)
	}
	if !has {
		return nil, fmt.Errorf("file %q is missing, and %s says that the arrays are in a database: %w", dir.path(ocdbt.Manifest), treeFile, store.ErrCorrupt)
	}
	db, err := ocdbt.Open(ctx, dir, func(i ocdbt.Index) {
		fmt.Fprintf(sum, "index %q %d\n", i.Name, len(i.Bytes))
		sum.Write(i.Bytes)
	})
	if err != nil {
		return nil, err
	}
	return &database{ocdbt: true, entries: db.Entries}, nil
}

const (
	maxWalkDepth = 80
	maxWalkFiles = 1 << 20
)

// walkDirectory lists all files below dir. A link to a file counts as the
// file; a link to a directory is not followed.
func walkDirectory(ctx context.Context, dir below) (*database, error) {
	db := &database{odd: map[string]error{}}
	var walk func(prefix string, depth int) error
	walk = func(prefix string, depth int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if depth > maxWalkDepth {
			return fmt.Errorf("directory %q lies more than %d deep: %w", prefix, maxWalkDepth, store.ErrUnsupported)
		}
		entries, err := listDir(dir.root, dir.path(prefix))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := path.Join(prefix, e.Name())
			if e.IsDir() {
				if db.folders = append(db.folders, name); len(db.folders) > maxWalkFiles {
					return fmt.Errorf("directory %q holds more than %d directories: %w", dir.dir, maxWalkFiles, store.ErrUnsupported)
				}
				if err := walk(name, depth+1); err != nil {
					return err
				}
				continue
			}
			info, err := dir.root.Stat(dir.path(name))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				db.odd[name] = fmt.Errorf("%q is a link to nothing: %w", name, store.ErrCorrupt)
				continue
			case err != nil:
				db.odd[name] = store.OpenError(name, err)
				continue
			case !info.Mode().IsRegular():
				what := "is not a file"
				if e.Type()&fs.ModeSymlink != 0 {
					what = "is a link to something that is not a file"
				}
				db.odd[name] = fmt.Errorf("%q %s (%s): %w", name, what, info.Mode().Type(), store.ErrCorrupt)
				continue
			}
			db.entries = append(db.entries, ocdbt.Entry{Key: name, Value: ocdbt.Value{File: name, Length: info.Size()}})
			if len(db.entries) > maxWalkFiles {
				return fmt.Errorf("directory %q holds more than %d files: %w", dir.dir, maxWalkFiles, store.ErrUnsupported)
			}
		}
		return nil
	}
	if err := walk("", 0); err != nil {
		return nil, err
	}
	slices.SortFunc(db.entries, func(a, b ocdbt.Entry) int { return strings.Compare(a.Key, b.Key) })
	return db, nil
}

// find returns the value of a key, or nil.
func (db *database) find(key string) *ocdbt.Value {
	i, ok := slices.BinarySearchFunc(db.entries, key, func(e ocdbt.Entry, k string) int { return strings.Compare(e.Key, k) })
	if !ok {
		return nil
	}
	return &db.entries[i].Value
}

// blob gives access to the bytes of a value.
func (db *database) blob(dir below, v *ocdbt.Value) *section {
	if v.Inline != nil {
		return &section{inline: v.Inline, length: int64(len(v.Inline))}
	}
	return &section{files: dir.fileSet, name: dir.path(v.File), offset: v.Offset, length: v.Length}
}

// read returns the bytes of a value of at most limit bytes.
func (db *database) read(dir below, v *ocdbt.Value, limit int64) ([]byte, error) {
	b := db.blob(dir, v)
	if b.length > limit {
		return nil, fmt.Errorf("file %q, offset %d: value of %d bytes, at most %d are supported: %w", v.File, v.Offset, b.length, limit, store.ErrUnsupported)
	}
	data := make([]byte, b.length)
	if _, err := b.ReadAt(data, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return data, nil
}

// checkRange checks that a value lies within its file. In folders it is the
// file.
func (db *database) checkRange(dir below, v *ocdbt.Value) error {
	if v.Inline != nil || !db.ocdbt {
		return nil
	}
	size, err := dir.Size(v.File)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w (was it not copied with the rest?)", err)
	}
	if err != nil {
		return err
	}
	if v.Offset > size || v.Length > size-v.Offset {
		return fmt.Errorf("file %q has %d bytes, %d are wanted at offset %d (was it cut short, or not copied whole?): %w", dir.path(v.File), size, v.Length, v.Offset, store.ErrCorrupt)
	}
	return nil
}
