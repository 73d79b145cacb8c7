package view

import (
	"os"
	"path/filepath"
)

// Path shows an absolute path from the working directory, where it lies inside
// of it, and as it is elsewhere.
func Path(abs string) string {
	dir, err := os.Getwd()
	if err != nil {
		return Printable(abs)
	}
	rel, err := filepath.Rel(dir, abs)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return Printable(abs)
	}
	return Printable(rel)
}
