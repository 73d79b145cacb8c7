package ocdbt

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/loraconv/loraconv/core/store"
)

// dataFile is one entry of a data file table. The path from the database
// directory is transitive + base + relative; a node that is reached through
// the entry reads its own table under transitive + base.
type dataFile struct {
	path string // in full: transitive + base + relative
	base int    // bytes of transitive + base
}

// readFileTable reads
//
//	number of files      varint
//	path prefix lengths  varint, for all files but the first
//	path suffix lengths  varint
//	base path lengths    varint
//	path suffixes
//
// where a path is the prefix of the path before it and the suffix
// (format/data_file_id_codec.cc).
func readFileTable(c *cursor, transitive string) []dataFile {
	n := c.count(64, 2)
	if n == 0 || c.err != nil {
		return nil
	}
	prefixes := append([]int{0}, c.sizes16(n-1)...)
	suffixes, bases := c.sizes16(n), c.sizes16(n)
	if c.err != nil {
		return nil
	}
	files := make([]dataFile, 0, n)
	previous, previousBase, total := "", 0, 0
	for i := range n {
		if prefixes[i] > len(previous) {
			c.fail("data file %d shares %d bytes with a path of %d", i, prefixes[i], len(previous))
			return nil
		}
		path := previous[:prefixes[i]] + string(c.bytes(suffixes[i]))
		if c.err != nil {
			return nil
		}
		// A table of n entries may unfold to n times 64 KiB of paths.
		if total += len(path) + len(transitive); total > maxNode {
			c.fail("data file paths of more than %d bytes", maxNode)
			return nil
		}
		switch {
		case len(path)+len(transitive) > maxPath:
			c.fail("path of data file %d has %d bytes, at most %d are allowed", i, len(path)+len(transitive), maxPath)
		case bases[i] > len(path):
			c.fail("base of data file %d has %d bytes, its path %d", i, bases[i], len(path))
		case i > 0 && prefixes[i] > min(previousBase, bases[i]) && bases[i] != previousBase:
			c.fail("data file %d shares more than the base of the one before it, and has another base", i)
		}
		if c.err != nil {
			return nil
		}
		files = append(files, dataFile{path: transitive + path, base: len(transitive) + bases[i]})
		previous, previousBase = path, bases[i]
	}
	return files
}

// location is a range of a data file.
type location struct {
	file           dataFile
	offset, length uint64
}

// missing reports whether the location stands for a root that does not exist.
func (l location) missing() bool { return l.offset == missingMarker && l.length == missingMarker }

// locate resolves an index into a data file table. It checks everything that
// can be checked without the file.
func locate(c *cursor, files []dataFile, index, offset, length uint64) location {
	if index >= uint64(len(files)) {
		c.fail("data file %d of a table of %d", index, len(files))
		return location{}
	}
	l := location{files[index], offset, length}
	if !l.missing() && (offset > maxOffset || length > maxOffset-offset) {
		c.fail("range of %d bytes at offset %d", length, offset)
	}
	return l
}

// CheckPath reports why name cannot be the path of a data file: it must stay
// below the database's directory.
func CheckPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
		return fmt.Errorf("path %q of a data file leads out of the database, or is none: %w", name, store.ErrCorrupt)
	}
	return nil
}
