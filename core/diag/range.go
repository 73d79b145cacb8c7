package diag

import "fmt"

// Range is a stretch of a spec, from Start up to but not including End. It is
// filled in by core/spec; a Diagnostic made elsewhere has a Path, which
// core/spec turns into a Range.
type Range struct {
	File  string `json:"file"` // as the user named it
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// Pos is a place in a file. Line and Column count from 1, Column in
// characters as a reader sees them; Byte counts from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// String returns file:line:column of the start.
func (r Range) String() string {
	return fmt.Sprintf("%s:%d:%d", r.File, r.Start.Line, r.Start.Column)
}

// samePlace treats an unknown place as equal to any.
func samePlace(a, b *Range) bool { return a == nil || b == nil || *a == *b }
