package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// encodeHeader writes the length prefix and the JSON, without any space but the
// padding. Offsets in places count from the end of the header here.
//
//	{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
//
// The encoder is our own, so that the bytes do not depend on a version of Go's.
func encodeHeader(places []Place, metadata map[string]string) ([]byte, error) {
	b := append(make([]byte, 8, 128*(len(places)+1)), '{')
	if len(metadata) > 0 {
		b = append(appendString(b, metadataKey), ":{"...)
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
				return nil, errors.New("the metadata is not valid UTF-8")
			}
			b = appendString(comma(b, i), k)
			b = appendString(append(b, ':'), metadata[k])
		}
		b = append(b, '}')
	}
	for i, p := range places {
		if i > 0 || len(metadata) > 0 {
			b = append(b, ',')
		}
		b = appendString(b, p.Name)
		b = append(appendString(append(b, `:{"dtype":`...), p.DType.Safetensors()), `,"shape":[`...)
		for k, n := range p.Shape {
			b = strconv.AppendInt(comma(b, k), int64(n), 10)
		}
		b = strconv.AppendInt(append(b, `],"data_offsets":[`...), p.Offset, 10)
		b = strconv.AppendInt(append(b, ','), p.Offset+p.Bytes, 10)
		b = append(b, "]}"...)
	}
	b = append(b, '}')
	for len(b)%dataAlignment != 0 {
		b = append(b, ' ')
	}
	if len(b)-8 > MaxHeader {
		return nil, fmt.Errorf("the header has %d bytes, at most %d are read by others", len(b)-8, MaxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, nil
}

// comma separates the i-th element from the one before.
func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// appendString writes a JSON string. Only what must be escaped is; s must be
// valid UTF-8.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
