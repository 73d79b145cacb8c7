package zarr

import (
	"errors"
	"slices"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

// ParseV2 reads a .zarray document (tensorstore/driver/zarr/metadata.cc):
// zarr_format, shape, chunks, dtype, compressor, fill_value, order, filters,
// and dimension_separator. Other members are ignored, as TensorStore does.
func ParseV2(doc []byte) (*Array, error) {
	a := &Array{keys: keyEncoding{separator: '.'}}
	var seen []string
	var fill []byte // its text: the type may stand behind it
	order := ""
	err := readDocument(doc, func(j *strictjson.Decoder, name string) (err error) {
		seen = append(seen, name)
		switch name {
		case "zarr_format":
			a.Format, err = readFormat(j, 2)
		case "shape":
			a.Shape, err = readShape(j)
		case "chunks":
			a.Chunk, err = readShape(j)
		case "dtype":
			err = a.readV2Type(j)
		case "compressor":
			err = a.readCompressor(j)
		case "fill_value":
			fill, err = j.Raw()
		case "order":
			order, err = j.String()
		case "filters":
			err = readFilters(j)
		case "dimension_separator":
			a.keys.separator, err = readSeparator(j)
		default:
			err = j.Skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"zarr_format", "shape", "chunks", "dtype", "compressor", "fill_value", "order"} {
		if !slices.Contains(seen, name) {
			return nil, corrupt("no %q", name)
		}
	}
	if err := a.parseFill(fill); err != nil {
		return nil, err
	}
	a.Leaf = a.Chunk
	for i := range a.Shape {
		a.order = append(a.order, i)
	}
	switch order {
	case "C":
	case "F":
		slices.Reverse(a.order)
	default:
		return nil, corrupt("order %q", order)
	}
	return a, a.check()
}

// readDocument walks over the members of a metadata document.
func readDocument(doc []byte, member func(*strictjson.Decoder, string) error) error {
	limits := strictjson.Limits{Bytes: MaxDocument, Depth: 32, Tokens: 1 << 16}
	err := strictjson.Read(doc, limits, func(j *strictjson.Decoder) error {
		return j.Object(func(name string) error { return member(j, name) })
	})
	return asCorrupt(err)
}

func readFormat(j *strictjson.Decoder, want int64) (int, error) {
	n, err := j.Int()
	if err == nil && n != want {
		err = corrupt("zarr_format %d, wanted %d", n, want)
	}
	return int(n), err
}

func readShape(j *strictjson.Decoder) (tensor.Shape, error) {
	s, err := j.Ints(tensor.MaxRank)
	return tensor.Shape(s), err
}

func readSeparator(j *strictjson.Decoder) (byte, error) {
	s, err := j.String()
	if err == nil && s != "." && s != "/" {
		err = corrupt("separator %q", s)
	}
	if err != nil {
		return 0, err
	}
	return s[0], nil
}

func (a *Array) readV2Type(j *strictjson.Decoder) error {
	k, err := j.Peek()
	if err != nil {
		return err
	}
	if k == strictjson.Array {
		return unsupported("structured dtype")
	}
	s, err := j.String()
	if err != nil {
		return err
	}
	a.DType, a.big, err = parseV2Type(s)
	return err
}

func readFilters(j *strictjson.Decoder) error {
	if null, err := j.Null(); null || err != nil {
		return err
	}
	return j.Array(func(int) error { return unsupported("filters") })
}

func (a *Array) readCompressor(j *strictjson.Decoder) error {
	if null, err := j.Null(); null || err != nil {
		return err
	}
	id := ""
	err := j.Object(func(name string) (err error) {
		if name == "id" {
			id, err = j.String()
			return err
		}
		return j.Skip() // level and the like: every frame says what a decoder needs
	})
	if err != nil {
		return err
	}
	c, ok := codecNames[id]
	if !ok || c == codecCRC32C {
		return unsupported("compressor %q", id)
	}
	a.codecs = []codec{c}
	return nil
}

// parseFill reads the fill value. One that is not supported only matters where
// a chunk is missing, so that it is noted for those (see FillFault).
func (a *Array) parseFill(text []byte) error {
	err := strictjson.Read(text, strictjson.Limits{}, func(j *strictjson.Decoder) (err error) {
		a.fill, err = readFill(j, a.DType, a.Format)
		return err
	})
	if errors.Is(err, store.ErrUnsupported) {
		a.fill, a.fillFault, err = make([]byte, a.DType.Size()), err, nil
	}
	return asCorrupt(err)
}
