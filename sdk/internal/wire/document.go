package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// encode writes a document. Numbers that JSON cannot hold are an error.
func encode(what string, v any, limit int) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	b.Truncate(b.Len() - 1) // Encode's newline
	if b.Len() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d may cross to the other process", what, b.Len(), limit)
	}
	return b.Bytes(), nil
}

// decode reads one document and nothing else: an unknown field, a key that an
// object has twice, deep nesting and bytes after the end are errors.
func decode(what string, b []byte, limit int, v any) error {
	if len(b) > limit {
		return fmt.Errorf("%s has %d bytes, at most %d are read", what, len(b), limit)
	}
	if err := scan(b); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// scan refuses what encoding/json would let pass in silence.
func scan(b []byte) error {
	if !json.Valid(b) {
		var v json.RawMessage // only for the error, which says where
		if err := json.Unmarshal(b, &v); err != nil {
			return fmt.Errorf("%w, in %d bytes", err, len(b))
		}
		return fmt.Errorf("not JSON")
	}
	var open []map[string]bool // per open object its keys; nil for an array
	key := false               // the next token is a key
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if len(open) > maxDepth {
				return fmt.Errorf("nested deeper than %d, at byte %d", maxDepth, d.InputOffset())
			}
			key = len(open) > 0 && open[len(open)-1] != nil
		case string:
			if !key {
				key = len(open) > 0 && open[len(open)-1] != nil
				continue
			}
			top := open[len(open)-1]
			if top[t] {
				return fmt.Errorf("key %q stands twice in one object, at byte %d", t, d.InputOffset())
			}
			top[t], key = true, false
		default:
			key = len(open) > 0 && open[len(open)-1] != nil
		}
	}
}

// known refuses a message with fields that this version does not have.
func known(what string, m proto.Message) error {
	if n := len(m.ProtoReflect().GetUnknown()); n > 0 {
		return fmt.Errorf("%s has %d bytes of unknown fields", what, n)
	}
	return nil
}
