package safetensors

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// MaxHeader is the largest header that the reference reads, in bytes.
const MaxHeader = 100_000_000

// metadataKey is the one name that is no tensor's.
const metadataKey = "__metadata__"

// maxName bounds a tensor's name, in bytes.
const maxName = 1024

// ParseHeader reads the JSON of a header whose file has dataBytes bytes after
// it. Places come in file order with offsets from the end of the header. An
// error wraps store.ErrUnsupported where the header is right and an element
// type is beyond this reader.
func ParseHeader(js []byte, dataBytes int64) ([]Place, map[string]string, error) {
	if len(js) > MaxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes, at most %d are read", len(js), MaxHeader)
	}
	if len(js) == 0 || js[0] != '{' {
		return nil, nil, errors.New("the header does not begin with '{'")
	}
	t, err := newTokens(js)
	if err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	h := &headerParser{tokens: t}
	if err := h.top(); err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	if err := t.end(js, " "); err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	if err := h.cover(dataBytes); err != nil {
		return nil, nil, err
	}
	return h.places, h.metadata, nil
}

type headerParser struct {
	*tokens
	places   []Place
	metadata map[string]string
}

func (h *headerParser) top() error {
	return h.object(func(key string) error {
		if key != metadataKey {
			return h.tensor(key)
		}
		h.metadata = map[string]string{}
		return h.object(func(k string) (err error) {
			h.metadata[k], err = h.text(fmt.Sprintf("%s %q", metadataKey, k))
			return err
		})
	})
}

// later are the element types of newer versions of the format that nothing
// here computes with.
var later = []string{"F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}

func (h *headerParser) tensor(name string) error {
	p := Place{Spec: Spec{Name: name}}
	var offsets []int64
	have := map[string]bool{}
	err := h.object(func(key string) error {
		have[key] = true
		switch key {
		case "dtype":
			s, err := h.text("dtype")
			if err != nil {
				return err
			}
			if p.DType, err = tensor.ParseSafetensorsDType(s); slices.Contains(later, s) && err != nil {
				return fmt.Errorf("element type %q: %w", s, store.ErrUnsupported)
			}
			return err
		case "shape":
			dims, err := h.integers(tensor.MaxRank)
			p.Shape = make(tensor.Shape, len(dims))
			for i, n := range dims {
				p.Shape[i] = int(n)
			}
			return err
		case "data_offsets":
			var err error
			offsets, err = h.integers(2)
			return err
		}
		return fmt.Errorf("unknown field %q", key)
	})
	if err == nil {
		err = checkName(name)
	}
	if err == nil && (len(have) != 3 || len(offsets) != 2) {
		err = errors.New("dtype, shape and two data_offsets are required")
	}
	if err == nil {
		err = p.Shape.Check(p.DType)
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	p.Offset, p.Bytes = offsets[0], offsets[1]-offsets[0]
	if want := sizeOf(p.Spec); p.Bytes != want {
		return fmt.Errorf("tensor %q: %d bytes between its offsets, %s %v needs %d", name, p.Bytes, p.DType, p.Shape, want)
	}
	h.places = append(h.places, p)
	return nil
}

// cover sorts the places and checks that they cover the data exactly: the
// reference demands it, so that a file has one meaning only.
func (h *headerParser) cover(dataBytes int64) error {
	sort.SliceStable(h.places, func(i, j int) bool {
		a, b := &h.places[i], &h.places[j]
		return a.Offset < b.Offset || a.Offset == b.Offset && a.Bytes < b.Bytes
	})
	var end int64
	for _, p := range h.places {
		if p.Offset != end {
			return fmt.Errorf("tensor %q begins at %d, wanted %d: tensors must not overlap or leave holes", p.Name, p.Offset, end)
		}
		end += p.Bytes
	}
	if end != dataBytes {
		return fmt.Errorf("the tensors have %d bytes, the file has %d after the header", end, dataBytes)
	}
	return nil
}

// checkName reports why a name cannot be a tensor's.
func checkName(name string) error {
	switch {
	case name == "" || name == metadataKey:
		return errors.New("this name is not allowed")
	case len(name) > maxName:
		return fmt.Errorf("its name has %d bytes, at most %d are supported", len(name), maxName)
	case !utf8.ValidString(name):
		return errors.New("its name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("its name holds control characters")
	}
	return nil
}

// sizeOf returns a tensor's bytes. Its shape must have passed Check.
func sizeOf(s Spec) int64 { return int64(s.Shape.Elements()) * int64(s.DType.Size()) }
