package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// tokens walks over a JSON document, token by token, so that a key that stands
// twice is seen. encoding/json's Unmarshal takes the last one without a word,
// and takes "DTYPE" for "dtype".
type tokens struct {
	d *json.Decoder
}

// newTokens checks what json.Decoder would repair in silence: bytes that are
// not UTF-8 and escapes of half a surrogate pair, which it reads as U+FFFD.
func newTokens(js []byte) (*tokens, error) {
	if !utf8.Valid(js) {
		return nil, errors.New("it is not valid UTF-8")
	}
	if i := halfSurrogate(js); i >= 0 {
		return nil, fmt.Errorf("byte %d: an escape of half a surrogate pair", i)
	}
	d := json.NewDecoder(bytes.NewReader(js))
	d.UseNumber()
	return &tokens{d}, nil
}

// halfSurrogate returns where the first \ud800..\udfff stands that is not
// the first of a pair, or -1. A backslash stands in strings only, in valid
// JSON; other JSON the decoder refuses.
func halfSurrogate(js []byte) int {
	for i := 0; i < len(js); {
		if js[i] != '\\' {
			i++
			continue
		}
		switch r := escaped(js[i:]); {
		case r < 0:
			i += 2
		case r < 0xd800 || r > 0xdfff:
			i += 6
		case r < 0xdc00 && isLow(escaped(js[min(i+6, len(js)):])):
			i += 12
		default:
			return i
		}
	}
	return -1
}

func isLow(r int) bool { return r >= 0xdc00 && r <= 0xdfff }

// escaped returns the number of an escape \uXXXX at the start of b, or -1.
func escaped(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

func (t *tokens) next() (json.Token, error) {
	x, err := t.d.Token()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("the JSON ends too early")
	}
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return x, nil
}

func (t *tokens) delim(want json.Delim) error {
	x, err := t.next()
	if err != nil {
		return err
	}
	if x != want {
		return fmt.Errorf("byte %d: found %v, wanted %q", t.d.InputOffset(), x, want.String())
	}
	return nil
}

// object visits the members of an object; each key may stand once.
func (t *tokens) object(member func(key string) error) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for t.d.More() {
		key, err := t.text("a key")
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q stands twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	return t.delim('}')
}

// text reads a string.
func (t *tokens) text(what string) (string, error) {
	x, err := t.next()
	if err != nil {
		return "", err
	}
	s, ok := x.(string)
	if !ok {
		return "", fmt.Errorf("byte %d: %s is not a string", t.d.InputOffset(), what)
	}
	return s, nil
}

// integers reads a list of at most n integers of 0..2^62-1.
func (t *tokens) integers(n int) ([]int64, error) {
	if err := t.delim('['); err != nil {
		return nil, err
	}
	out := []int64{}
	for t.d.More() {
		x, err := t.next()
		if err != nil {
			return nil, err
		}
		num, ok := x.(json.Number)
		if !ok {
			return nil, fmt.Errorf("found %v, wanted an integer", x)
		}
		v, err := strconv.ParseUint(num.String(), 10, 62)
		if err != nil {
			return nil, fmt.Errorf("found %s, wanted an integer of at most 62 bits", num)
		}
		if len(out) == n {
			return nil, fmt.Errorf("more than %d integers", n)
		}
		out = append(out, int64(v))
	}
	return out, t.delim(']')
}

// maxNesting bounds the lists and objects within one another in a value that is
// skipped.
const maxNesting = 1000

// skip passes over one value of any kind and returns it if it is a scalar.
// Keys of objects within it, too, may stand once.
func (t *tokens) skip() (json.Token, error) {
	var open []map[string]bool // the keys of each object, nil of a list
	isKey := false
	for {
		x, err := t.next()
		if err != nil {
			return nil, err
		}
		switch d := x.(type) {
		case json.Delim:
			switch d {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if x = nil; len(open) > maxNesting {
				return nil, fmt.Errorf("byte %d: nested deeper than %d", t.d.InputOffset(), maxNesting)
			}
		case string:
			if isKey {
				keys := open[len(open)-1]
				if keys[d] {
					return nil, fmt.Errorf("key %q stands twice", d)
				}
				keys[d], isKey = true, false
				continue
			}
		}
		if len(open) == 0 {
			return x, nil
		}
		isKey = open[len(open)-1] != nil // what follows a value, or a brace, is a key
	}
}

// end checks that only bytes of the given set follow.
func (t *tokens) end(js []byte, space string) error {
	for _, c := range js[t.d.InputOffset():] {
		if !bytes.ContainsRune([]byte(space), rune(c)) {
			return fmt.Errorf("byte %q follows the JSON, only %q may", c, space)
		}
	}
	return nil
}
