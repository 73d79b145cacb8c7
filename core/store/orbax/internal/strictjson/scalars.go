package strictjson

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// Null consumes null if that is next, and says whether it was.
func (d *Decoder) Null() (bool, error) {
	k, err := d.Peek()
	if err != nil || k != Null {
		return false, err
	}
	if err := d.count(); err != nil {
		return false, err
	}
	return true, d.word("null")
}

func (d *Decoder) word(w string) error {
	if rest := d.data[d.pos:]; len(rest) < len(w) || string(rest[:len(w)]) != w {
		return d.errorf("unknown word, wanted %s", w)
	}
	d.pos += len(w)
	return nil
}

// Bool consumes true or false.
func (d *Decoder) Bool() (bool, error) {
	if err := d.want(Bool); err != nil {
		return false, err
	}
	if d.data[d.pos] == 't' {
		return true, d.word("true")
	}
	return false, d.word("false")
}

// Number consumes a number and returns its text. It may be NaN, Infinity or
// -Infinity.
func (d *Decoder) Number() (string, error) {
	if err := d.want(Number); err != nil {
		return "", err
	}
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if rest := d.data[d.pos:]; len(rest) >= len(w) && string(rest[:len(w)]) == w {
			d.pos += len(w)
			return w, nil
		}
	}
	start := d.pos
	if d.at('-') {
		d.pos++
	}
	if d.at('0') {
		d.pos++
	} else if d.digits() == 0 {
		return "", d.errorf("malformed number")
	}
	if d.at('.') {
		d.pos++
		if d.digits() == 0 {
			return "", d.errorf("malformed number")
		}
	}
	if d.at('e') || d.at('E') {
		d.pos++
		if d.at('+') || d.at('-') {
			d.pos++
		}
		if d.digits() == 0 {
			return "", d.errorf("malformed number")
		}
	}
	if d.pos-start > 1024 {
		return "", d.errorf("number of %d characters", d.pos-start)
	}
	return string(d.data[start:d.pos]), nil
}

func (d *Decoder) at(c byte) bool { return d.pos < len(d.data) && d.data[d.pos] == c }

func (d *Decoder) digits() int {
	start := d.pos
	for d.pos < len(d.data) && d.data[d.pos] >= '0' && d.data[d.pos] <= '9' {
		d.pos++
	}
	return d.pos - start
}

// Int consumes a whole number that fits 64 bits.
func (d *Decoder) Int() (int64, error) {
	text, err := d.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, d.errorf("number %s is not a whole number of 64 bits", text)
	}
	return n, nil
}

// Ints consumes an array of at most limit whole numbers.
func (d *Decoder) Ints(limit int) ([]int, error) {
	out := []int{}
	err := d.Array(func(i int) error {
		if i >= limit {
			return d.errorf("more than %d numbers", limit)
		}
		n, err := d.Int()
		out = append(out, int(n))
		return err
	})
	return out, err
}

// Skip consumes one value of any kind, checking its form.
func (d *Decoder) Skip() error {
	k, err := d.Peek()
	if err != nil {
		return err
	}
	switch k {
	case Null:
		_, err = d.Null()
	case Bool:
		_, err = d.Bool()
	case Number:
		_, err = d.Number()
	case String:
		_, err = d.String()
	case Array:
		err = d.Array(func(int) error { return d.Skip() })
	case Object:
		err = d.Object(func(string) error { return d.Skip() })
	default:
		err = d.errorf("the document ends where a value was wanted")
	}
	return err
}

// Raw consumes one value of any kind and returns its text.
func (d *Decoder) Raw() ([]byte, error) {
	d.space()
	start := d.pos
	if err := d.Skip(); err != nil {
		return nil, err
	}
	return d.data[start:d.pos], nil
}

var errSurrogate = errors.New("half of a surrogate pair")

// String consumes a string and returns its value, which is valid UTF-8.
func (d *Decoder) String() (string, error) {
	if err := d.want(String); err != nil {
		return "", err
	}
	d.pos++
	start := d.pos
	for d.pos < len(d.data) { // the usual case: nothing to unescape
		c := d.data[d.pos]
		if c == '"' {
			return d.text(d.data[start:d.pos])
		}
		if c == '\\' || c < 0x20 {
			break
		}
		d.pos++
	}
	buf := append([]byte(nil), d.data[start:min(d.pos, len(d.data))]...)
	for d.pos < len(d.data) {
		c := d.data[d.pos]
		switch {
		case c == '"':
			return d.text(buf)
		case c < 0x20:
			return "", d.errorf("control character %q in a string", c)
		case c != '\\':
			buf = append(buf, c)
			d.pos++
		default:
			var err error
			if buf, err = d.escape(buf); err != nil {
				return "", err
			}
		}
		if len(buf) > d.limits.String {
			return "", d.errorf("string of more than %d bytes", d.limits.String)
		}
	}
	return "", d.errorf("the document ends inside a string")
}

// text finishes a string whose closing quote is next.
func (d *Decoder) text(b []byte) (string, error) {
	if len(b) > d.limits.String {
		return "", d.errorf("string of %d bytes, at most %d are supported", len(b), d.limits.String)
	}
	if !utf8.Valid(b) {
		return "", d.errorf("string is not valid UTF-8")
	}
	d.pos++
	return string(b), nil
}

// escape appends what the escape sequence at the position stands for.
func (d *Decoder) escape(buf []byte) ([]byte, error) {
	if d.pos+1 >= len(d.data) {
		return nil, d.errorf("the document ends inside a string")
	}
	c := d.data[d.pos+1]
	d.pos += 2
	switch c {
	case '"', '\\', '/':
		return append(buf, c), nil
	case 'b':
		return append(buf, '\b'), nil
	case 'f':
		return append(buf, '\f'), nil
	case 'n':
		return append(buf, '\n'), nil
	case 'r':
		return append(buf, '\r'), nil
	case 't':
		return append(buf, '\t'), nil
	case 'u':
	default:
		return nil, d.errorf("unknown escape %q", c)
	}
	r, err := d.hex4()
	if err != nil {
		return nil, err
	}
	switch {
	case r >= 0xdc00 && r < 0xe000:
		return nil, d.errorf("%w", errSurrogate)
	case r >= 0xd800 && r < 0xdc00:
		if d.pos+2 > len(d.data) || d.data[d.pos] != '\\' || d.data[d.pos+1] != 'u' {
			return nil, d.errorf("%w", errSurrogate)
		}
		d.pos += 2
		low, err := d.hex4()
		if err != nil {
			return nil, err
		}
		if low < 0xdc00 || low >= 0xe000 {
			return nil, d.errorf("%w", errSurrogate)
		}
		r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
	}
	return utf8.AppendRune(buf, r), nil
}

func (d *Decoder) hex4() (rune, error) {
	if d.pos+4 > len(d.data) {
		return 0, d.errorf("the document ends inside a string")
	}
	n, err := strconv.ParseUint(string(d.data[d.pos:d.pos+4]), 16, 16)
	if err != nil {
		return 0, d.errorf("malformed \\u escape")
	}
	d.pos += 4
	return rune(n), nil
}
