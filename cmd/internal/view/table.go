package view

import (
	"strings"
	"unicode/utf8"
)

// columns is the width that text is set for.
const columns = 80

// Table lays cells out in columns, two spaces between them, each as wide as
// its widest cell. Cells are taken as they are; see Printable.
type Table struct {
	Indent int
	rows   [][]string
}

// Row adds a row. Rows may have fewer cells than others.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// String returns the lines.
func (t *Table) String() string {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		line := strings.Repeat(" ", t.Indent)
		for i, c := range r {
			line += c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// wrap sets text after a first line's lead, broken at spaces, the other lines
// as far in. A word that is too long stays whole.
func wrap(lead, text string) string {
	var b strings.Builder
	line, begun := lead, false
	for _, word := range strings.Fields(text) {
		if begun && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			b.WriteString(line + "\n")
			line, begun = strings.Repeat(" ", utf8.RuneCountInString(lead)), false
		}
		if begun {
			line += " "
		}
		line += word
		begun = true
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// Comment sets text as lines of a comment in a spec, or nothing if it is empty.
func Comment(indent, text string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(strings.ReplaceAll(wrap(indent+"# ", Printable(text)), "\n"+indent+"  ", "\n"+indent+"# "), "\n") {
		if strings.TrimSpace(line) != "#" {
			b.WriteString(line)
		}
	}
	return b.String()
}
