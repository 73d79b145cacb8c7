package lock

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/core/atomicfile"
)

// Encode writes the file: the same bytes for the same content. An entry that
// Parse would refuse is an error.
func (f *File) Encode() ([]byte, error) {
	var b bytes.Buffer
	comment := f.Comment
	if comment == nil {
		comment = Header
	}
	for _, line := range comment {
		fmt.Fprintln(&b, line)
	}
	f.sort()
	for i := range f.Plugins {
		p := &f.Plugins[i]
		if err := p.check(); err != nil {
			return nil, err
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		align := len("protocol")
		if p.Constraints != "" {
			align = len("constraints")
		}
		fmt.Fprintf(&b, "plugin %q {\n  %-*s = %q\n", p.Source, align, "version", p.Version)
		if p.Constraints != "" {
			fmt.Fprintf(&b, "  constraints = %q\n", p.Constraints)
		}
		fmt.Fprintf(&b, "  %-*s = %d\n  sha256 = {\n", align, "protocol", p.Protocol)
		width := 0
		for _, name := range p.Platforms() {
			width = max(width, len(name))
		}
		for _, name := range p.Platforms() {
			fmt.Fprintf(&b, "    %-*s = %q\n", width, name, p.SHA256[name])
		}
		fmt.Fprint(&b, "  }\n}\n")
	}
	if _, err := Parse(b.Bytes(), Name); err != nil {
		return nil, err // a comment that is none
	}
	return b.Bytes(), nil
}

// Read reads the lock file of a directory, and returns its bytes, too. Where
// there is none, the error is fs.ErrNotExist.
func Read(dir string) (*File, []byte, error) {
	path := filepath.Join(dir, Name)
	r, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	f, err := Parse(b, path)
	return f, b, err
}

// Write replaces the lock file of a directory: whoever reads meanwhile, or
// after a power cut, sees the old file or the new one.
func (f *File) Write(dir string) error {
	b, err := f.Encode()
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(dir, Name), b, 0o644)
}
