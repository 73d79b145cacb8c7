package strictjson

import (
	"fmt"
)

// Limits bounds a document. Zero fields take the values of DefaultLimits.
type Limits struct {
	Bytes  int // of the whole document
	Depth  int // of nested arrays and objects
	Tokens int // values and names
	String int // bytes of one string, decoded
}

// DefaultLimits is generous for metadata that lists every parameter of a model.
var DefaultLimits = Limits{Bytes: 64 << 20, Depth: 64, Tokens: 4 << 20, String: 1 << 20}

// Kind is what a value is.
type Kind uint8

// The kinds of values. End is the end of the document.
const (
	End Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"the end of the document", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Decoder walks over one document. After an error, its methods must not be
// called again.
type Decoder struct {
	data   []byte
	pos    int
	depth  int
	tokens int
	limits Limits
}

// New returns a decoder of data.
func New(data []byte, l Limits) (*Decoder, error) {
	d := DefaultLimits
	if l.Bytes > 0 {
		d.Bytes = l.Bytes
	}
	if l.Depth > 0 {
		d.Depth = l.Depth
	}
	if l.Tokens > 0 {
		d.Tokens = l.Tokens
	}
	if l.String > 0 {
		d.String = l.String
	}
	if len(data) > d.Bytes {
		return nil, fmt.Errorf("document of %d bytes, at most %d are supported", len(data), d.Bytes)
	}
	return &Decoder{data: data, limits: d}, nil
}

// Read walks over the whole of data with f and checks that nothing follows.
func Read(data []byte, l Limits, f func(*Decoder) error) error {
	d, err := New(data, l)
	if err != nil {
		return err
	}
	if err := f(d); err != nil {
		return err
	}
	return d.Close()
}

// Close checks that nothing but white space follows.
func (d *Decoder) Close() error {
	d.space()
	if d.pos != len(d.data) {
		return d.errorf("bytes after the document")
	}
	return nil
}

// Offset is the position in the document, in bytes.
func (d *Decoder) Offset() int { return d.pos }

func (d *Decoder) errorf(format string, args ...any) error {
	return fmt.Errorf("JSON, byte %d: %w", d.pos, fmt.Errorf(format, args...))
}

func (d *Decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// Peek says what the next value is, without consuming it.
func (d *Decoder) Peek() (Kind, error) {
	d.space()
	if d.pos == len(d.data) {
		return End, nil
	}
	switch c := d.data[d.pos]; {
	case c == '{':
		return Object, nil
	case c == '[':
		return Array, nil
	case c == '"':
		return String, nil
	case c == 't' || c == 'f':
		return Bool, nil
	case c == 'n':
		return Null, nil
	case c == '-' || c >= '0' && c <= '9' || c == 'N' || c == 'I':
		return Number, nil
	default:
		return End, d.errorf("unexpected character %q", c)
	}
}

// want counts a token and checks its kind.
func (d *Decoder) want(k Kind) error {
	if err := d.count(); err != nil {
		return err
	}
	got, err := d.Peek()
	if err != nil {
		return err
	}
	if got != k {
		return d.errorf("found %v, wanted %v", got, k)
	}
	return nil
}

func (d *Decoder) count() error {
	if d.tokens++; d.tokens > d.limits.Tokens {
		return d.errorf("more than %d values", d.limits.Tokens)
	}
	return nil
}

func (d *Decoder) enter() error {
	d.pos++
	if d.depth++; d.depth > d.limits.Depth {
		return d.errorf("nested more than %d deep", d.limits.Depth)
	}
	return nil
}

// next moves past a comma or the closing character of a container, and says
// whether another element follows.
func (d *Decoder) next(first bool, end byte) (bool, error) {
	d.space()
	if d.pos == len(d.data) {
		return false, d.errorf("the document ends inside an array or object")
	}
	switch c := d.data[d.pos]; {
	case c == end:
		d.pos++
		d.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		d.pos++
		return true, nil
	default:
		return false, d.errorf("found %q, wanted ',' or %q", c, end)
	}
}

// Array consumes an array; f must consume one element at each call.
func (d *Decoder) Array(f func(i int) error) error {
	if err := d.want(Array); err != nil {
		return err
	}
	if err := d.enter(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := d.next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		if err := f(i); err != nil {
			return err
		}
	}
}

// Object consumes an object; f must consume the value of one name at each
// call. A name that occurs twice is an error.
func (d *Decoder) Object(f func(name string) error) error {
	if err := d.want(Object); err != nil {
		return err
	}
	if err := d.enter(); err != nil {
		return err
	}
	seen := map[string]struct{}{}
	for first := true; ; first = false {
		more, err := d.next(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := d.String()
		if err != nil {
			return err
		}
		if _, ok := seen[name]; ok {
			return d.errorf("name %q occurs twice in one object", name)
		}
		seen[name] = struct{}{}
		if d.space(); d.pos == len(d.data) || d.data[d.pos] != ':' {
			return d.errorf("no ':' after the name %q", name)
		}
		d.pos++
		if err := f(name); err != nil {
			return err
		}
	}
}
