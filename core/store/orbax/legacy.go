package orbax

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/msgpack"
	"github.com/loraconv/loraconv/core/tensor"
)

// Up to the middle of 2024 a file "checkpoint" held the tree, with small
// values in place ("aggregated") and for others a text that names the array.
var placeholders = []string{"PLACEHOLDER://", "AGGREGATED://"}

// placeholder returns the name of the array that a text stands for.
func placeholder(text string) (name string, ok bool) {
	for _, p := range placeholders {
		if name, ok = strings.CutPrefix(text, p); ok {
			return name, true
		}
	}
	return "", false
}

// legacyTree is the tree of the msgpack file.
type legacyTree struct {
	files *fileSet
	name  string // of the file, relative to the root
	root  *msgpack.Value
}

func openLegacy(dir below) (*legacyTree, error) {
	size, err := dir.Size(legacyFile)
	if err != nil {
		return nil, err
	}
	l := &legacyTree{files: dir.fileSet, name: dir.path(legacyFile)}
	if l.root, err = msgpack.Read(&section{files: l.files, name: l.name, length: size}, size); err != nil {
		return nil, fmt.Errorf("file %q: %w: %w", l.name, err, store.ErrCorrupt)
	}
	return l, nil
}

// find returns the value at a path, or nil.
func (l *legacyTree) find(path []string) *msgpack.Value {
	v := l.root
	for _, key := range path {
		if v.Kind == msgpack.Array {
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v.Items) {
				return nil
			}
			v = &v.Items[i]
		} else if v = v.Member(key); v == nil {
			return nil
		}
	}
	return v
}

const chunkedMark = "__msgpack_chunked_array__"

// leaves lists the tree as _METADATA would, for checkpoints that have none.
func (l *legacyTree) leaves() []leaf {
	var out []leaf
	var walk func(v *msgpack.Value, path []string)
	walk = func(v *msgpack.Value, path []string) {
		path = path[:len(path):len(path)]
		if (v.Kind == msgpack.Map || v.Kind == msgpack.Array) && v.Member(chunkedMark) == nil {
			for i := range v.Items {
				key := strconv.Itoa(i)
				if v.Kind == msgpack.Map {
					key = v.Keys[i]
				}
				walk(&v.Items[i], append(path, key))
			}
			return
		}
		if v.Kind == msgpack.Nil {
			return
		}
		out = append(out, leaf{path: path, valueType: legacyFile, skip: true})
	}
	walk(l.root, nil)
	return out
}

// legacyValue is a parameter whose elements lie in the msgpack file, in one
// piece or several.
type legacyValue struct {
	tree  *legacyTree
	kind  tensor.DType
	size  tensor.Shape
	parts []*section
}

// value makes a parameter of a value of the tree. A Python number has no dtype;
// it becomes what Orbax would store it as, an int64, a float64 or a bool.
func (l *legacyTree) value(v *msgpack.Value) (*legacyValue, error) {
	out := &legacyValue{tree: l, size: tensor.Shape{}}
	inline := func(d tensor.DType, b []byte) (*legacyValue, error) {
		out.kind, out.parts = d, []*section{{inline: b, length: int64(len(b))}}
		return out, nil
	}
	switch v.Kind {
	case msgpack.Elements:
		return l.elements(v)
	case msgpack.Bool:
		b := byte(0)
		if v.Bool {
			b = 1
		}
		return inline(tensor.Bool, []byte{b})
	case msgpack.Int:
		return inline(tensor.Int64, binary.LittleEndian.AppendUint64(nil, uint64(v.Int)))
	case msgpack.Uint:
		return inline(tensor.Uint64, binary.LittleEndian.AppendUint64(nil, v.Uint))
	case msgpack.Float:
		return inline(tensor.Float64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v.Float)))
	case msgpack.Complex:
		b := binary.LittleEndian.AppendUint64(nil, math.Float64bits(v.Float))
		return inline(tensor.Complex128, binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Imag)))
	case msgpack.Map:
		return l.chunked(v)
	default:
		return nil, fmt.Errorf("file %q holds no array there: %w", l.name, store.ErrCorrupt)
	}
}

func (l *legacyTree) elements(v *msgpack.Value) (*legacyValue, error) {
	d, err := tensor.ParseDType(v.DType)
	if err != nil {
		return nil, fmt.Errorf("file %q: %w: %w", l.name, err, store.ErrUnsupported)
	}
	out := &legacyValue{tree: l, kind: d, size: v.Shape}
	if err := out.size.Check(d); err != nil {
		return nil, fmt.Errorf("file %q: %w: %w", l.name, err, store.ErrCorrupt)
	}
	if want := int64(out.size.Elements()) * int64(d.Size()); v.Length != want {
		return nil, fmt.Errorf("file %q, offset %d: %d bytes for shape %v of %v, wanted %d: %w", l.name, v.Offset, v.Length, out.size, d, want, store.ErrCorrupt)
	}
	out.parts = []*section{{files: l.files, name: l.name, offset: v.Offset, length: v.Length}}
	return out, nil
}

// chunked joins an array that was too large for one msgpack value:
//
//	{"__msgpack_chunked_array__": true, "shape": {"0": n, ...}, "chunks": {"0": array, ...}}
func (l *legacyTree) chunked(v *msgpack.Value) (*legacyValue, error) {
	bad := func(what string) (*legacyValue, error) {
		return nil, fmt.Errorf("file %q: an array in pieces: %s: %w", l.name, what, store.ErrCorrupt)
	}
	shape, chunks := v.Member("shape"), v.Member("chunks")
	if v.Member(chunkedMark) == nil || shape == nil || chunks == nil || len(shape.Items) > tensor.MaxRank || len(chunks.Items) == 0 {
		return bad("no shape or no pieces")
	}
	out := &legacyValue{tree: l, size: tensor.Shape{}}
	for i := range shape.Items {
		d := shape.Member(strconv.Itoa(i))
		if d == nil || d.Kind != msgpack.Int {
			return bad("shape")
		}
		out.size = append(out.size, int(d.Int))
	}
	total := int64(0)
	for i := range chunks.Items {
		c := chunks.Member(strconv.Itoa(i))
		if c == nil || c.Kind != msgpack.Elements {
			return bad("piece " + strconv.Itoa(i))
		}
		part, err := l.elements(c)
		if err != nil {
			return nil, err
		}
		if i > 0 && part.kind != out.kind {
			return bad("pieces of several dtypes")
		}
		out.kind, out.parts = part.kind, append(out.parts, part.parts...)
		total += c.Length
	}
	if err := out.size.Check(out.kind); err != nil {
		return bad(err.Error())
	}
	if want := int64(out.size.Elements()) * int64(out.kind.Size()); total != want {
		return bad(fmt.Sprintf("%d bytes for shape %v of %v, wanted %d", total, out.size, out.kind, want))
	}
	return out, nil
}

func (v *legacyValue) dtype() tensor.DType { return v.kind }
func (v *legacyValue) shape() tensor.Shape { return v.size }

func (v *legacyValue) chunks(context.Context) ([]store.Chunk, error) {
	if v.size.Elements() == 0 {
		return nil, nil
	}
	c := store.Chunk{Region: tensor.Whole(v.size), File: v.tree.name, Offset: v.parts[0].offset, Memory: plainNeed, Ref: v}
	for _, p := range v.parts {
		c.Length += p.length
	}
	return []store.Chunk{c}, nil
}

// plainNeed is what a stream of plain bytes holds.
const plainNeed = 4 << 10

func (v *legacyValue) open(c store.Chunk) (io.ReadCloser, error) {
	if c.Ref != v {
		return nil, fmt.Errorf("chunk %d is not one of this parameter", c.Index)
	}
	readers := make([]io.Reader, len(v.parts))
	for i, p := range v.parts {
		readers[i] = io.NewSectionReader(p, 0, p.length)
	}
	var r io.Reader = io.MultiReader(readers...)
	if v.kind == tensor.Bool {
		r = boolReader{r}
	}
	return io.NopCloser(r), nil
}

// boolReader refuses bytes that are no bool.
type boolReader struct{ io.Reader }

func (b boolReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if i := bytes.IndexFunc(p[:n], func(r rune) bool { return r > 1 }); i >= 0 {
		return 0, fmt.Errorf("byte %#02x is no bool: %w", p[i], store.ErrCorrupt)
	}
	return n, err
}
