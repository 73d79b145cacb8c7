package strictjson

import "encoding/json"

// Rewrite returns the document with every bare NaN, Infinity and -Infinity
// made a string of that text. A document without any is returned as it is.
func Rewrite(data []byte, l Limits) ([]byte, error) {
	found := false
	err := Read(data, l, func(d *Decoder) error { return scan(d, &found) })
	if err != nil || !found {
		return data, err
	}
	var out []byte
	err = Read(data, l, func(d *Decoder) error { return rewrite(d, &out) })
	return out, err
}

// scan walks over a value and notes whether a number of it is not JSON.
func scan(d *Decoder, found *bool) error {
	k, err := d.Peek()
	if err != nil {
		return err
	}
	switch k {
	case Number:
		n, err := d.Number()
		*found = *found || bare(n)
		return err
	case Array:
		return d.Array(func(int) error { return scan(d, found) })
	case Object:
		return d.Object(func(string) error { return scan(d, found) })
	default:
		return d.Skip()
	}
}

func bare(n string) bool { return n == "NaN" || n == "Infinity" || n == "-Infinity" }

func rewrite(d *Decoder, out *[]byte) error {
	k, err := d.Peek()
	if err != nil {
		return err
	}
	switch k {
	case Number:
		n, err := d.Number()
		if bare(n) {
			n = `"` + n + `"`
		}
		*out = append(*out, n...)
		return err
	case Array:
		*out = append(*out, '[')
		err := d.Array(func(i int) error {
			if i > 0 {
				*out = append(*out, ", "...)
			}
			return rewrite(d, out)
		})
		*out = append(*out, ']')
		return err
	case Object:
		*out = append(*out, '{')
		first := true
		err := d.Object(func(name string) error {
			if !first {
				*out = append(*out, ", "...)
			}
			first = false
			quoted, err := json.Marshal(name)
			if err != nil {
				return err
			}
			*out = append(append(*out, quoted...), ": "...)
			return rewrite(d, out)
		})
		*out = append(*out, '}')
		return err
	default:
		raw, err := d.Raw()
		*out = append(*out, raw...)
		return err
	}
}
