package receipt

import (
	"bytes"
	"encoding/json"
)

// canonical writes a document in the one form that Decode and DecodeStatement
// take: keys sorted at every level, one space a level, no escapes but those
// that JSON needs, a line feed at the end.
func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var sorted any // maps, whose keys encoding/json sorts
	if err := d.Decode(&sorted); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err = e.Encode(sorted)
	return out.Bytes(), err
}
