// Package msgpack reads the msgpack file of Flax and of early Orbax releases,
// in which a tree of maps and arrays holds values or names of arrays, without
// reading the values: for an array's elements a tree has their place in the
// file.
//
// Flax's extension types (orbax checkpoint/msgpack_utils.py):
//
//	1  array: [shape, name of its dtype, elements in C order, host byte order]
//	2  complex number: [real, imaginary]
//	3  numpy scalar: as 1
//	4  tuple: an array
//
// Depth, number of values and length of texts are bounded. Only
// core/store/orbax uses the package.
package msgpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

const (
	maxDepth  = 64
	maxValues = 1 << 18
	maxText   = 1 << 20
	maxRank   = 32
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Nil Kind = iota
	Bool
	Int
	Uint // above the range of Int
	Float
	Complex
	Text
	Binary
	Array
	Map
	Elements // an array with a dtype
)

// Value is one value of the tree.
type Value struct {
	Kind   Kind
	Bool   bool
	Int    int64
	Uint   uint64
	Float  float64
	Imag   float64 // of a Complex, whose real part is Float
	Text   string
	Items  []Value // of an Array; the values of a Map
	Keys   []string
	Tuple  bool // an Array that was a tuple
	DType  string
	Shape  []int
	Offset int64 // of the bytes of Elements and Binary
	Length int64
	index  map[string]int // of Keys
}

// Member returns the value of a map's key, or nil.
func (v *Value) Member(key string) *Value {
	if i, ok := v.index[key]; ok {
		return &v.Items[i]
	}
	return nil
}

// Read reads the one value that r, of size bytes, must consist of.
func Read(r io.ReaderAt, size int64) (*Value, error) {
	p := &parser{r: r, size: size}
	v, err := p.value(0)
	if err == nil && p.pos != size {
		err = errors.New("bytes after the value")
	}
	if err != nil {
		return nil, fmt.Errorf("msgpack, byte %d: %w", p.pos, err)
	}
	return &v, nil
}

type parser struct {
	r      io.ReaderAt
	size   int64
	pos    int64
	values int
	buf    []byte
	start  int64 // of buf in the file
}

// take returns the next n bytes, at most maxText.
func (p *parser) take(n int64) ([]byte, error) {
	if n > p.size-p.pos {
		return nil, fmt.Errorf("%d bytes wanted, %d left", n, p.size-p.pos)
	}
	if n > maxText {
		return nil, fmt.Errorf("text of %d bytes, at most %d are supported", n, maxText)
	}
	if p.pos < p.start || p.pos+n > p.start+int64(len(p.buf)) {
		want := min(max(n, 64<<10), p.size-p.pos)
		if int64(cap(p.buf)) < want {
			p.buf = make([]byte, want)
		}
		p.buf = p.buf[:want]
		p.start = p.pos
		if m, err := p.r.ReadAt(p.buf, p.pos); int64(m) < want {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	b := p.buf[p.pos-p.start:][:n]
	p.pos += n
	return b, nil
}

func (p *parser) number(n int64) (uint64, error) {
	b, err := p.take(n)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[8-n:], b)
	return binary.BigEndian.Uint64(full[:]), nil
}

// length reads a length of 1 << width bytes.
func (p *parser) length(width uint) (int64, error) {
	n, err := p.number(1 << width)
	return int64(n), err
}

func (p *parser) value(depth int) (Value, error) {
	if p.values++; p.values > maxValues {
		return Value{}, fmt.Errorf("more than %d values", maxValues)
	}
	if depth > maxDepth {
		return Value{}, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	head, err := p.take(1)
	if err != nil {
		return Value{}, err
	}
	switch c := head[0]; {
	case c <= 0x7f:
		return Value{Kind: Int, Int: int64(c)}, nil
	case c <= 0x8f:
		return p.mapOf(int64(c&0xf), depth)
	case c <= 0x9f:
		return p.array(int64(c&0xf), depth)
	case c <= 0xbf:
		return p.text(int64(c & 0x1f))
	case c >= 0xe0:
		return Value{Kind: Int, Int: int64(int8(c))}, nil
	default:
		return p.tagged(c, depth)
	}
}

func (p *parser) tagged(c byte, depth int) (Value, error) {
	var n int64
	var err error
	width := uint(0) // of the length that follows
	switch {
	case c >= 0xc4 && c <= 0xc6:
		width = uint(c - 0xc4)
	case c >= 0xc7 && c <= 0xc9:
		width = uint(c - 0xc7)
	case c >= 0xd9 && c <= 0xdb:
		width = uint(c - 0xd9)
	case c >= 0xdc && c <= 0xdf:
		width = 1 + uint(c&1)
	}
	switch {
	case c >= 0xc4 && c <= 0xc9, c >= 0xd9 && c <= 0xdf:
		if n, err = p.length(width); err != nil {
			return Value{}, err
		}
	}
	switch {
	case c == 0xc0:
		return Value{Kind: Nil}, nil
	case c == 0xc2 || c == 0xc3:
		return Value{Kind: Bool, Bool: c == 0xc3}, nil
	case c >= 0xc4 && c <= 0xc6:
		return p.binary(n)
	case c >= 0xc7 && c <= 0xc9:
		return p.ext(n, depth)
	case c == 0xca:
		u, err := p.number(4)
		return Value{Kind: Float, Float: float64(math.Float32frombits(uint32(u)))}, err
	case c == 0xcb:
		u, err := p.number(8)
		return Value{Kind: Float, Float: math.Float64frombits(u)}, err
	case c >= 0xcc && c <= 0xcf:
		u, err := p.number(1 << (c - 0xcc))
		if u > math.MaxInt64 {
			return Value{Kind: Uint, Uint: u}, err
		}
		return Value{Kind: Int, Int: int64(u)}, err
	case c >= 0xd0 && c <= 0xd3:
		size := int64(1) << (c - 0xd0)
		u, err := p.number(size)
		return Value{Kind: Int, Int: int64(u<<(64-8*size)) >> (64 - 8*size)}, err
	case c >= 0xd4 && c <= 0xd8:
		return p.ext(int64(1)<<(c-0xd4), depth)
	case c >= 0xd9 && c <= 0xdb:
		return p.text(n)
	case c == 0xdc || c == 0xdd:
		return p.array(n, depth)
	case c == 0xde || c == 0xdf:
		return p.mapOf(n, depth)
	default:
		return Value{}, fmt.Errorf("unknown type %#02x", c)
	}
}

func (p *parser) text(n int64) (Value, error) {
	b, err := p.take(n)
	if err == nil && !utf8.Valid(b) {
		err = errors.New("text is not valid UTF-8")
	}
	return Value{Kind: Text, Text: string(b)}, err
}

// binary steps over n bytes without reading them.
func (p *parser) binary(n int64) (Value, error) {
	if n > p.size-p.pos {
		return Value{}, fmt.Errorf("%d bytes wanted, %d left", n, p.size-p.pos)
	}
	p.pos += n
	return Value{Kind: Binary, Offset: p.pos - n, Length: n}, nil
}

func (p *parser) array(n int64, depth int) (Value, error) {
	v := Value{Kind: Array}
	if n > p.size-p.pos {
		return v, fmt.Errorf("array of %d values in %d bytes", n, p.size-p.pos)
	}
	for range n {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
	}
	return v, nil
}

func (p *parser) mapOf(n int64, depth int) (Value, error) {
	v := Value{Kind: Map, index: map[string]int{}}
	if n > (p.size-p.pos)/2 {
		return v, fmt.Errorf("map of %d pairs in %d bytes", n, p.size-p.pos)
	}
	for range n {
		key, err := p.value(depth + 1)
		if err == nil && key.Kind != Text {
			err = errors.New("key of a map is not text")
		}
		if err != nil {
			return v, err
		}
		if _, ok := v.index[key.Text]; ok {
			return v, fmt.Errorf("key %q occurs twice", key.Text)
		}
		v.index[key.Text] = len(v.Keys)
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Keys, v.Items = append(v.Keys, key.Text), append(v.Items, item)
	}
	return v, nil
}

// ext reads an extension of n bytes, which its contents must use up.
func (p *parser) ext(n int64, depth int) (Value, error) {
	code, err := p.number(1)
	if err != nil {
		return Value{}, err
	}
	if n > p.size-p.pos {
		return Value{}, fmt.Errorf("extension of %d bytes, %d left", n, p.size-p.pos)
	}
	outer := p.size
	p.size = p.pos + n
	v, err := p.value(depth + 1)
	if err == nil && p.pos != p.size {
		err = fmt.Errorf("%d bytes too many in an extension", p.size-p.pos)
	}
	p.size = outer
	if err != nil {
		return Value{}, err
	}
	if v.Kind != Array {
		return Value{}, fmt.Errorf("extension %d does not hold an array", code)
	}
	switch code {
	case 1, 3:
		return elements(v.Items)
	case 2:
		if len(v.Items) == 2 && v.Items[0].Kind == Float && v.Items[1].Kind == Float {
			return Value{Kind: Complex, Float: v.Items[0].Float, Imag: v.Items[1].Float}, nil
		}
		return Value{}, errors.New("complex number that is not a pair of floats")
	case 4:
		v.Tuple = true
		return v, nil
	default:
		return Value{}, fmt.Errorf("extension %d", code)
	}
}

func elements(parts []Value) (Value, error) {
	if len(parts) != 3 || parts[0].Kind != Array || parts[1].Kind != Text || parts[2].Kind != Binary {
		return Value{}, errors.New("array that is not [shape, dtype, bytes]")
	}
	v := Value{Kind: Elements, DType: parts[1].Text, Shape: []int{}, Offset: parts[2].Offset, Length: parts[2].Length}
	if len(parts[0].Items) > maxRank {
		return v, fmt.Errorf("array of %d axes", len(parts[0].Items))
	}
	for _, d := range parts[0].Items {
		if d.Kind != Int || d.Int < 0 {
			return v, errors.New("shape that is not made of whole numbers")
		}
		v.Shape = append(v.Shape, int(d.Int))
	}
	return v, nil
}
