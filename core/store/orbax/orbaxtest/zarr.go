package orbaxtest

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// numpyNames are the type strings of .zarray; types that numpy lacks have their
// own names.
var numpyNames = map[tensor.DType]string{
	tensor.Bool: "|b1", tensor.Int8: "|i1", tensor.Uint8: "|u1",
	tensor.Int16: "<i2", tensor.Int32: "<i4", tensor.Int64: "<i8",
	tensor.Uint16: "<u2", tensor.Uint32: "<u4", tensor.Uint64: "<u8",
	tensor.Float16: "<f2", tensor.Float32: "<f4", tensor.Float64: "<f8",
	tensor.Complex64: "<c8", tensor.Complex128: "<c16",
}

func zarr2(p Param, o Options) string {
	name, ok := numpyNames[p.DType]
	if !ok {
		name = p.DType.String()
	}
	compressor := `{"id":"zstd","level":1}`
	if o.Uncompressed {
		compressor = "null"
	}
	return fmt.Sprintf(`{"chunks":%s,"compressor":%s,"dimension_separator":".","dtype":%s,"fill_value":null,"filters":null,"order":"C","shape":%s,"zarr_format":2}`,
		ints(p.chunk()), compressor, quote(name), ints(p.Shape))
}

func zarr3(p Param, o Options) string {
	inner := p.Inner
	if inner == nil {
		inner = p.chunk()
	}
	codecs := `{"configuration":{"endian":"little"},"name":"bytes"}`
	if p.DType.Size() == 1 {
		codecs = `{"name":"bytes"}`
	}
	if !o.Uncompressed {
		codecs += `,{"configuration":{"checksum":false,"level":3},"name":"zstd"}`
	}
	fill := "0"
	switch {
	case p.DType == tensor.Bool:
		fill = "false"
	case p.DType.Kind() == tensor.KindComplex:
		fill = "[0.0,0.0]"
	case p.DType == tensor.Float8E8M0FNU:
		fill = `"0x00"`
	}
	return strings.Join([]string{
		`{"chunk_grid":{"configuration":{"chunk_shape":` + ints(p.chunk()) + `},"name":"regular"}`,
		`"chunk_key_encoding":{"name":"default"}`,
		`"codecs":[{"configuration":{"chunk_shape":` + ints(inner) + `,"codecs":[` + codecs + `],"index_codecs":[{"configuration":{"endian":"little"},"name":"bytes"},{"name":"crc32c"}]},"name":"sharding_indexed"}]`,
		`"data_type":` + quote(p.DType.String()),
		`"fill_value":` + fill,
		`"node_type":"array","shape":` + ints(p.Shape),
		`"zarr_format":3}`,
	}, ",")
}
