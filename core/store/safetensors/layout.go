package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"sort"
	"strconv"

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

// Plan lays a file out: tensors by element size, largest first, then by name,
// so that each is aligned to its element and there are no holes. The header is
// padded with spaces so that the data begin at a multiple of 8. The result is
// a function of the specs and the metadata alone.
func Plan(specs []Spec, metadata map[string]string) (*Layout, error) {
	l := &Layout{byName: map[string]int{}}
	for _, s := range specs {
		if s.DType.Safetensors() == "" {
			return nil, fmt.Errorf("tensor %q: safetensors cannot hold %s", s.Name, s.DType)
		}
		if s.Name == "" || s.Name == "__metadata__" {
			return nil, fmt.Errorf("tensor name %q is not allowed", s.Name)
		}
		if err := s.Shape.Check(s.DType); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		l.Places = append(l.Places, Place{Spec: s, Bytes: int64(s.Shape.Elements()) * int64(s.DType.Size())})
	}
	sort.Slice(l.Places, func(i, j int) bool {
		a, b := &l.Places[i], &l.Places[j]
		if a.DType.Size() != b.DType.Size() {
			return a.DType.Size() > b.DType.Size()
		}
		return a.Name < b.Name
	})
	var end uint64
	for i := range l.Places {
		p := &l.Places[i]
		if _, twice := l.byName[p.Name]; twice {
			return nil, fmt.Errorf("tensor %q stands twice", p.Name)
		}
		l.byName[p.Name] = i
		p.Offset = int64(end)
		var carry uint64
		if end, carry = bits.Add64(end, uint64(p.Bytes), 0); carry != 0 || end > 1<<62 {
			return nil, fmt.Errorf("the tensors need more than 2^62 bytes")
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
	l.Size = int64(len(header)) + int64(end)
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

// encodeHeader writes the length prefix and the JSON. Offsets in Places count
// from the end of the header here.
func encodeHeader(places []Place, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if len(metadata) > 0 {
		b.WriteString(`"__metadata__":`)
		if err := writeJSON(&b, metadata); err != nil { // keys sorted by encoding/json
			return nil, err
		}
	}
	for i, p := range places {
		if i > 0 || len(metadata) > 0 {
			b.WriteByte(',')
		}
		if err := writeJSON(&b, p.Name); err != nil {
			return nil, err
		}
		b.WriteString(`:{"dtype":"` + p.DType.Safetensors() + `","shape":[`)
		for k, n := range p.Shape {
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(`],"data_offsets":[` + strconv.FormatInt(p.Offset, 10) + "," + strconv.FormatInt(p.Offset+p.Bytes, 10) + "]}")
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	out := b.Bytes()
	if len(out)-8 > MaxHeader {
		return nil, fmt.Errorf("the header has %d bytes, at most %d are read by others", len(out)-8, MaxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}

func writeJSON(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}
