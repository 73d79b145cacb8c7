package safetensors

import (
	"fmt"
	"sort"

	"github.com/loraconv/loraconv/core/tensor"
)

// Spec is a tensor to be written.
type Spec struct {
	Name  string
	DType tensor.DType
	Shape tensor.Shape
}

// Layout says where every byte of a file goes before any is computed.
type Layout struct {
	Header []byte // length prefix, JSON and padding: the first bytes of the file
	Size   int64  // of the whole file, bytes
	Places []Place
	byName map[string]int
}

// Place is one tensor's place, in file order.
type Place struct {
	Spec
	Offset int64 // from the start of the file
	Bytes  int64
}

// dataAlignment is what the data's offset in the file is a multiple of, in bytes.
// The format asks for 8 (the reference pads to size_of::<u64>,
// safetensors/src/tensor.rs, prepare). At 64, a cache line and a block of SHA-256,
// nearly all tensors of a model begin at a multiple of 64, too, for they are as long
// as so many lines: each can be mapped and used where it lies (XLA takes host
// buffers of xla/backends/cpu/alignment.h), and its digest takes the same blocks as
// the file's.
const dataAlignment = 64

// maxFile bounds a file, in bytes.
const maxFile = 1 << 60

// Plan lays a file out: tensors by element size, largest first, then by name,
// so that each is aligned to its element and there are no holes. The header is
// padded with spaces so that the data begin at a multiple of dataAlignment. The
// result is a function of the specs and the metadata alone.
func Plan(specs []Spec, metadata map[string]string) (*Layout, error) {
	l := &Layout{byName: map[string]int{}}
	for _, s := range specs {
		if s.DType.Safetensors() == "" {
			return nil, fmt.Errorf("tensor %q: safetensors cannot hold %s", s.Name, s.DType)
		}
		if err := checkName(s.Name); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		if err := s.Shape.Check(s.DType); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		l.Places = append(l.Places, Place{Spec: s, Bytes: sizeOf(s)})
	}
	sort.Slice(l.Places, func(i, j int) bool {
		a, b := &l.Places[i], &l.Places[j]
		if a.DType.Size() != b.DType.Size() {
			return a.DType.Size() > b.DType.Size()
		}
		return a.Name < b.Name
	})
	var end int64
	for i := range l.Places {
		p := &l.Places[i]
		if _, twice := l.byName[p.Name]; twice {
			return nil, fmt.Errorf("tensor %q stands twice", p.Name)
		}
		l.byName[p.Name] = i
		p.Offset = end
		if end += p.Bytes; end > maxFile { // p.Bytes is at most 2^40
			return nil, fmt.Errorf("the tensors need more than %d bytes", int64(maxFile))
		}
	}
	header, err := encodeHeader(l.Places, metadata)
	if err != nil {
		return nil, err
	}
	l.Header = header
	for i := range l.Places {
		l.Places[i].Offset += int64(len(header))
	}
	l.Size = int64(len(header)) + end
	return l, nil
}

// Offset returns where a tensor's first byte goes, from the start of the file.
func (l *Layout) Offset(name string) (int64, bool) {
	i, ok := l.byName[name]
	if !ok {
		return 0, false
	}
	return l.Places[i].Offset, true
}
