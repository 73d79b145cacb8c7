package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/loraconv/loraconv/core/store"
)

// File is an open safetensors file whose header has been read and checked.
type File struct {
	Name     string // for messages
	Places   []Place
	Metadata map[string]string
	f        *os.File
	stat     os.FileInfo
}

// OpenFile reads and checks the header of f, which it then owns.
func OpenFile(f *os.File, name string) (*File, error) {
	out, err := readHeader(f, name)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

func readHeader(f *os.File, name string) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", store.ErrCorrupt)
	}
	var prefix [8]byte
	if _, err := f.ReadAt(prefix[:], 0); err != nil {
		return nil, fmt.Errorf("%w: %d bytes, too few for a header", store.ErrCorrupt, st.Size())
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > MaxHeader || int64(n) > st.Size()-8 {
		return nil, fmt.Errorf("%w: a header of %d bytes is announced, the file has %d (at most %d are read)", store.ErrCorrupt, n, st.Size()-8, MaxHeader)
	}
	js := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f, 8, int64(n)), js); err != nil {
		return nil, err
	}
	places, meta, err := ParseHeader(js, st.Size()-8-int64(n))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	for i := range places {
		places[i].Offset += 8 + int64(n)
	}
	return &File{Name: name, Places: places, Metadata: meta, f: f, stat: st}, nil
}

// Bytes streams one place's bytes.
func (f *File) Bytes(p Place) io.Reader { return io.NewSectionReader(f.f, p.Offset, p.Bytes) }

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }
