package orbax

import (
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// localName reports whether name can be a path below a directory.
func localName(name string) bool {
	return name == "" || fs.ValidPath(name) && name != "." && !strings.ContainsRune(name, 0)
}

// maxFileName bounds the path of a side file.
const maxFileName = 1024

// copyable reports whether a side file's path may become a path of an
// output: text without control characters and without what some system
// takes for a separator.
func copyable(name string) bool {
	return fs.ValidPath(name) && len(name) <= maxFileName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' || r == ':' })
}
