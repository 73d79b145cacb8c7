package zarr

import (
	"slices"

	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

// ParseV3 reads a zarr.json document (tensorstore/driver/zarr3/metadata.cc). A
// member that it does not know must say that it need not be understood.
func ParseV3(doc []byte) (*Array, error) {
	a := &Array{}
	var seen []string
	var fill []byte
	var chain []codecSpec
	err := readDocument(doc, func(j *strictjson.Decoder, name string) (err error) {
		seen = append(seen, name)
		switch name {
		case "zarr_format":
			a.Format, err = readFormat(j, 3)
		case "node_type":
			err = readWord(j, "node_type", "array")
		case "shape":
			a.Shape, err = readShape(j)
		case "data_type":
			err = a.readV3Type(j)
		case "chunk_grid":
			err = a.readGrid(j)
		case "chunk_key_encoding":
			err = a.readKeyEncoding(j)
		case "codecs":
			chain, err = readChain(j, 0)
		case "fill_value":
			fill, err = j.Raw()
		case "storage_transformers":
			err = j.Array(func(int) error { return unsupported("storage transformers") })
		case "attributes", "dimension_names":
			err = j.Skip()
		default:
			err = readUnknown(j, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value"} {
		if !slices.Contains(seen, name) {
			return nil, corrupt("no %q", name)
		}
	}
	if len(a.Chunk) != len(a.Shape) {
		return nil, corrupt("chunks of %d axes in an array of %d", len(a.Chunk), len(a.Shape))
	}
	if err := a.parseFill(fill); err != nil {
		return nil, err
	}
	order := make([]int, len(a.Shape))
	for i := range order {
		order[i] = i
	}
	if err := a.applyChain(chain, a.Chunk, order); err != nil {
		return nil, err
	}
	return a, a.check()
}

func readWord(j *strictjson.Decoder, name, want string) error {
	s, err := j.String()
	if err == nil && s != want {
		err = corrupt("%s %q, wanted %q", name, s, want)
	}
	return err
}

func (a *Array) readV3Type(j *strictjson.Decoder) error {
	k, err := j.Peek()
	if err != nil {
		return err
	}
	if k != strictjson.String {
		return unsupported("data type that is not a name")
	}
	s, err := j.String()
	if err != nil {
		return err
	}
	if a.DType, err = tensor.ParseDType(s); err != nil {
		return unsupported("data type %q", s)
	}
	return nil
}

func readUnknown(j *strictjson.Decoder, name string) error {
	must := true
	k, err := j.Peek()
	if err != nil {
		return err
	}
	if k == strictjson.Object {
		err = j.Object(func(member string) (err error) {
			if member == "must_understand" {
				must, err = j.Bool()
				return err
			}
			return j.Skip()
		})
	} else {
		err = j.Skip()
	}
	if err == nil && must {
		err = unsupported("member %q", name)
	}
	return err
}

// readNamed reads {"name": ..., "configuration": {...}} and gives the members
// of the configuration to f, which is only called once the name is known; so
// the configuration is kept until then.
func readNamed(j *strictjson.Decoder, f func(j *strictjson.Decoder, name, member string) error) (string, error) {
	name, hasName := "", false
	var configuration []byte
	err := j.Object(func(member string) (err error) {
		switch member {
		case "name":
			name, err = j.String()
			hasName = true
		case "configuration":
			configuration, err = j.Raw()
		default:
			err = readUnknown(j, member)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if !hasName {
		return "", corrupt("no \"name\"")
	}
	if configuration == nil {
		return name, nil
	}
	limits := strictjson.Limits{Bytes: MaxDocument, Depth: 32, Tokens: 1 << 16}
	err = strictjson.Read(configuration, limits, func(c *strictjson.Decoder) error {
		return c.Object(func(member string) error { return f(c, name, member) })
	})
	return name, err
}

func (a *Array) readGrid(j *strictjson.Decoder) error {
	name, err := readNamed(j, func(c *strictjson.Decoder, _, member string) (err error) {
		if member != "chunk_shape" {
			return corrupt("member %q of a chunk grid", member)
		}
		a.Chunk, err = readShape(c)
		return err
	})
	if err == nil && name != "regular" {
		err = unsupported("chunk grid %q", name)
	}
	return err
}

func (a *Array) readKeyEncoding(j *strictjson.Decoder) error {
	separator := byte(0)
	name, err := readNamed(j, func(c *strictjson.Decoder, _, member string) (err error) {
		if member != "separator" {
			return corrupt("member %q of a key encoding", member)
		}
		separator, err = readSeparator(c)
		return err
	})
	if err != nil {
		return err
	}
	switch name {
	case "default":
		a.keys = keyEncoding{c: true, separator: '/'}
	case "v2":
		a.keys = keyEncoding{separator: '.'}
	default:
		return unsupported("key encoding %q", name)
	}
	if separator != 0 {
		a.keys.separator = separator
	}
	return nil
}
