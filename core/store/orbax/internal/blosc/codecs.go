package blosc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decompress decodes one stream, which must fill dst exactly.
func (r *Reader) decompress(dst, src []byte) error {
	if len(src) == len(dst) {
		copy(dst, src)
		return nil
	}
	n, err := 0, error(nil)
	switch r.Codec {
	case 0:
		n, err = blosclz(dst, src)
	case 1:
		n, err = lz4.UncompressBlock(src, dst)
	case 2:
		n, err = snappyBlock(dst, src)
	case 3:
		n, err = zlibStream(dst, src)
	case 4:
		n, err = zstdFrame(dst, src)
	}
	if err == nil && n != len(dst) {
		err = fmt.Errorf("decodes to %d bytes, wanted %d", n, len(dst))
	}
	return err
}

func snappyBlock(dst, src []byte) (int, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil || n != len(dst) {
		return n, err
	}
	_, err = snappy.Decode(dst, src)
	return n, err
}

func zlibStream(dst, src []byte) (int, error) {
	in := bytes.NewReader(src)
	z, err := zlib.NewReader(in)
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(z, dst)
	if err != nil {
		return n, err
	}
	if m, err := z.Read(make([]byte, 1)); m != 0 || err != io.EOF {
		return n + m, errors.Join(err, errTooLong)
	}
	if in.Len() != 0 {
		return n, errTooLong
	}
	return n, z.Close()
}

var errTooLong = errors.New("bytes too many")

var zstdDecoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<31))
	if err != nil {
		panic("blosc: options of the zstd decoder are invalid")
	}
	return d
}}

func zstdFrame(dst, src []byte) (int, error) {
	d := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(d)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	return len(out), err
}
