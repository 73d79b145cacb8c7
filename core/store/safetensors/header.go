package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/tensor"
)

// MaxHeader is the largest header that the reference reads, in bytes.
const MaxHeader = 100_000_000

// ParseHeader reads the JSON of a header whose file has dataBytes bytes after
// it. Places come in file order with offsets from the end of the header.
func ParseHeader(js []byte, dataBytes int64) ([]Place, map[string]string, error) {
	if len(js) > MaxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes, at most %d are read", len(js), MaxHeader)
	}
	if len(js) == 0 || js[0] != '{' {
		return nil, nil, errors.New("the header does not begin with '{'")
	}
	if !utf8.Valid(js) {
		return nil, nil, errors.New("the header is not valid UTF-8")
	}
	h := &headerParser{d: json.NewDecoder(bytes.NewReader(js))}
	h.d.UseNumber()
	if err := h.top(); err != nil {
		return nil, nil, err
	}
	for _, c := range js[h.d.InputOffset():] {
		if c != ' ' {
			return nil, nil, fmt.Errorf("byte %q follows the header's JSON, only spaces may", c)
		}
	}
	sort.SliceStable(h.places, func(i, j int) bool {
		a, b := &h.places[i], &h.places[j]
		return a.Offset < b.Offset || a.Offset == b.Offset && a.Bytes < b.Bytes
	})
	var end int64
	for _, p := range h.places {
		if p.Offset != end {
			return nil, nil, fmt.Errorf("tensor %q begins at %d, wanted %d: tensors must not overlap or leave holes", p.Name, p.Offset, end)
		}
		end += p.Bytes
	}
	if end != dataBytes {
		return nil, nil, fmt.Errorf("the tensors have %d bytes, the file has %d after the header", end, dataBytes)
	}
	return h.places, h.metadata, nil
}

type headerParser struct {
	d        *json.Decoder
	places   []Place
	metadata map[string]string
}

func (h *headerParser) delim(want json.Delim) error {
	t, err := h.d.Token()
	if err != nil {
		return jsonError(err)
	}
	if t != want {
		return fmt.Errorf("at byte %d: found %v, wanted %q", h.d.InputOffset(), t, want.String())
	}
	return nil
}

func jsonError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the header's JSON ends too early")
	}
	return fmt.Errorf("the header's JSON: %w", err)
}

// object visits the members of an object; each key may stand once.
func (h *headerParser) object(member func(key string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for h.d.More() {
		t, err := h.d.Token()
		if err != nil {
			return jsonError(err)
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("at byte %d: a key is not a string", h.d.InputOffset())
		}
		if seen[key] {
			return fmt.Errorf("key %q stands twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	return h.delim('}')
}

func (h *headerParser) top() error {
	return h.object(func(key string) error {
		if key != "__metadata__" {
			return h.tensor(key)
		}
		h.metadata = map[string]string{}
		return h.object(func(k string) error {
			t, err := h.d.Token()
			if err != nil {
				return jsonError(err)
			}
			s, ok := t.(string)
			if !ok {
				return fmt.Errorf("__metadata__ %q is not a string", k)
			}
			h.metadata[k] = s
			return nil
		})
	})
}

func (h *headerParser) tensor(name string) error {
	p := Place{Spec: Spec{Name: name}}
	var have [3]bool
	var offsets []int64
	err := h.object(func(key string) error {
		switch key {
		case "dtype":
			have[0] = true
			t, err := h.d.Token()
			if err != nil {
				return jsonError(err)
			}
			s, _ := t.(string)
			p.DType, err = tensor.ParseSafetensorsDType(s)
			return err
		case "shape":
			have[1] = true
			dims, err := h.integers(tensor.MaxRank)
			for _, n := range dims {
				p.Shape = append(p.Shape, int(n))
			}
			return err
		case "data_offsets":
			have[2] = true
			var err error
			offsets, err = h.integers(2)
			return err
		}
		return fmt.Errorf("unknown field %q", key)
	})
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	if have != [3]bool{true, true, true} || len(offsets) != 2 {
		return fmt.Errorf("tensor %q: dtype, shape and two data_offsets are required", name)
	}
	if p.Shape == nil {
		p.Shape = tensor.Shape{}
	}
	if err := p.Shape.Check(p.DType); err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	p.Offset, p.Bytes = offsets[0], offsets[1]-offsets[0]
	if want := int64(p.Shape.Elements()) * int64(p.DType.Size()); p.Bytes != want {
		return fmt.Errorf("tensor %q: %d bytes between its offsets, %s %v needs %d", name, p.Bytes, p.DType, p.Shape, want)
	}
	h.places = append(h.places, p)
	return nil
}

// integers reads a list of at most n non-negative integers.
func (h *headerParser) integers(n int) ([]int64, error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	var out []int64
	for h.d.More() {
		t, err := h.d.Token()
		if err != nil {
			return nil, jsonError(err)
		}
		num, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("found %v, wanted an integer", t)
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
	return out, h.delim(']')
}
