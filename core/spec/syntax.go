package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/diag"
)

// MaxBytes is the size of the largest file that is read as a spec.
const MaxBytes = maxBytes

// Syntax reads one file's text within the limits of a spec, and no further
// than its syntax: what it returns holds the text for Render, and nothing else.
// A name that ends in .json is JSON.
func Syntax(name string, src []byte) (*File, diag.List) {
	l := &loader{texts: map[string][]byte{}}
	f := &File{Path: name, Files: []string{name}, l: l}
	if file := l.parseBytes(name, src, strings.HasSuffix(name, ".json")); file != nil {
		l.bodies = append(l.bodies, file)
	}
	return f, l.faults.take(l.files)
}

// CodePoints returns the columns at which a place begins and ends, counted
// from 1 in Unicode code points. A Range's own columns count characters as a
// reader sees them, of which one may be several code points.
func (f *File) CodePoints(r diag.Range) (start, end int) {
	src := f.l.texts[r.File]
	column := func(p diag.Pos) int {
		if src == nil || p.Byte < 0 || p.Byte > len(src) {
			return p.Column
		}
		before := src[:p.Byte]
		return 1 + utf8.RuneCount(before[strings.LastIndexByte(string(before), '\n')+1:])
	}
	return column(r.Start), column(r.End)
}

// Digest returns the SHA-256, in hex, over the texts that were read: the
// spec's files in order, and those of variables.
func (f *File) Digest() string {
	h := sha256.New()
	for _, name := range f.l.files {
		h.Write(f.l.texts[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
