package view

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Unified shows how a text changes, as diff -u does. Characters that cannot be
// seen are shown as escapes, tabs excepted.
func Unified(name string, was, now []byte) string {
	name = Printable(name)
	d := string(diff.Diff(name, was, name+" (formatted)", now))
	var b strings.Builder
	for line := range strings.Lines(d) {
		text, end := strings.CutSuffix(line, "\n")
		cells := strings.Split(text, "\t")
		for i := range cells {
			cells[i] = Printable(cells[i])
		}
		b.WriteString(strings.Join(cells, "\t"))
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
