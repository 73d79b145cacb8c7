package safetensors

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
	header   [sha256.Size]byte // digest of the length and the JSON
}

// OpenFile reads and checks the header of f, which it then owns. Errors wrap
// store.ErrCorrupt or store.ErrUnsupported.
func OpenFile(f *os.File, name string) (*File, error) {
	out, err := readHeader(f, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("file %q: %w", name, err), f.Close())
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
	if st.Size() < 8 {
		return nil, fmt.Errorf("%w: %d bytes, too few for a header", store.ErrCorrupt, st.Size())
	}
	var prefix [8]byte
	if _, err := f.ReadAt(prefix[:], 0); err != nil {
		return nil, shorter(err, st.Size())
	}
	n, room := binary.LittleEndian.Uint64(prefix[:]), st.Size()-8
	if n > MaxHeader || int64(n) > room {
		return nil, fmt.Errorf("%w: a header of %d bytes is announced; %d bytes follow, and at most %d are read", store.ErrCorrupt, n, room, MaxHeader)
	}
	js := make([]byte, n)
	if _, err := f.ReadAt(js, 8); err != nil {
		return nil, shorter(err, st.Size())
	}
	places, meta, err := ParseHeader(js, room-int64(n))
	if err != nil {
		if errors.Is(err, store.ErrUnsupported) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	for i := range places {
		places[i].Offset += 8 + int64(n)
	}
	out := &File{Name: name, Places: places, Metadata: meta, f: f, stat: st}
	h := sha256.New()
	h.Write(prefix[:])
	h.Write(js)
	h.Sum(out.header[:0])
	return out, nil
}

// shorter explains an end of the file that its size did not announce.
func shorter(err error, size int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is shorter than the %d bytes it had when it was opened: %w", size, store.ErrChanged)
	}
	return err
}

// Bytes streams one place's bytes.
func (f *File) Bytes(p Place) io.Reader { return io.NewSectionReader(f.f, p.Offset, p.Bytes) }

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }
