package zarr

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/store/orbax/internal/zframe"
)

// What a zstd stream holds beside its window: klauspost's decoder keeps the
// window and two blocks as a ring, and a block each of input, literals and
// output; frames of MaxWindow are what it can be asked for at most.
const (
	zstdOverhead   = 1 << 20
	maxZstdWindow  = 2 << 30
	keepZstdWindow = 8 << 20 // decoders that held larger windows are not kept
	maxBlock       = 128 << 10
)

var zstdDecoders = sync.Pool{New: func() any {
	// One goroutine: the asynchronous decoder is slower here.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		panic("zarr: options of the zstd decoder are invalid")
	}
	return d
}}

// zstdFrame passes on the bytes of exactly one zstd frame (RFC 8878) and
// checks that nothing follows. The decoder behind it would go on with a second
// frame, and would not say so.
type zstdFrame struct {
	src      *bufio.Reader
	window   uint64
	left     int  // bytes to pass on before the next decision
	last     bool // the last block is being passed on
	checksum bool // four bytes follow the last block
}

// peekZstdHeader looks at a frame's header. size is what the frame must decode
// to, or -1.
func peekZstdHeader(src *bufio.Reader, size, maxWindow int64) (*zstd.Header, error) {
	head, err := src.Peek(zstd.HeaderMaxSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return readZstdHeader(head, size, maxWindow)
}

func readZstdHeader(head []byte, size, maxWindow int64) (*zstd.Header, error) {
	var h zstd.Header
	if len(head) == 0 {
		return nil, corrupt("no bytes, a zstd frame is needed")
	}
	if err := h.Decode(head); err != nil {
		return nil, corrupt("zstd frame header: %w", err)
	}
	switch {
	case h.Skippable:
		return nil, corrupt("skippable zstd frame")
	case h.DictionaryID != 0:
		return nil, unsupported("zstd frame that needs dictionary %d", h.DictionaryID)
	case h.HasFCS && size >= 0 && h.FrameContentSize != uint64(size):
		return nil, corrupt("zstd frame of %d bytes, the chunk has %d", h.FrameContentSize, size)
	case zframe.Window(&h) > uint64(maxWindow):
		return nil, unsupported("zstd frame with a window of %d bytes, the limit is %d: it needs a limit of %d", zframe.Window(&h), maxWindow, zframe.Window(&h))
	}
	return &h, nil
}

func (f *zstdFrame) Read(p []byte) (int, error) {
	for f.left == 0 {
		if err := f.advance(); err != nil {
			return 0, err
		}
	}
	n, err := f.src.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF {
		err = errZstdShort
	}
	return n, err
}

var errZstdShort = errors.New("zstd frame is cut short")

// advance decides what to pass on next; io.EOF at the end of the frame.
func (f *zstdFrame) advance() error {
	if f.last && f.checksum {
		f.left, f.checksum = 4, false
		return nil
	}
	if f.last {
		if _, err := f.src.Peek(1); err == nil {
			return corrupt("bytes after the zstd frame")
		} else if err != io.EOF {
			return err
		}
		return io.EOF
	}
	head, err := f.src.Peek(3)
	if err == io.EOF {
		return errZstdShort
	} else if err != nil {
		return err
	}
	block := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	f.last = block&1 != 0
	size := block >> 3
	if size > maxBlock {
		return corrupt("zstd block of %d bytes", size)
	}
	switch block >> 1 & 3 {
	case 1: // one byte, repeated
		size = 1
	case 3:
		return corrupt("zstd block of the reserved type")
	}
	f.left = 3 + size
	return nil
}

// openZstd decodes one frame, which must decode to size bytes unless that
// is -1.
func openZstd(src *bufio.Reader, size, maxWindow int64) (io.ReadCloser, error) {
	h, err := peekZstdHeader(src, size, maxWindow)
	if err != nil {
		return nil, err
	}
	if zframe.Suits(src, h) {
		return openLiteral(src, h)
	}
	frame := &zstdFrame{src: src, window: zframe.Window(h), left: h.HeaderSize, checksum: h.HasCheckSum}
	d := zstdDecoders.Get().(*zstd.Decoder)
	if err := d.Reset(frame); err != nil {
		d.Close()
		return nil, err
	}
	return &zstdReader{frame, d}, nil
}

type zstdReader struct {
	frame   *zstdFrame
	decoder *zstd.Decoder
}

func (z *zstdReader) Read(p []byte) (int, error) {
	if z.decoder == nil {
		return 0, io.ErrClosedPipe
	}
	return z.decoder.Read(p)
}

func (z *zstdReader) Close() error {
	d := z.decoder
	if z.decoder = nil; d == nil {
		return nil
	}
	if z.frame.window > keepZstdWindow || d.Reset(nil) != nil {
		d.Close()
		return nil
	}
	zstdDecoders.Put(d)
	return nil
}

var literalReaders = sync.Pool{New: func() any { return new(zframe.Reader) }}

// literalReader decodes a frame that package zframe is for.
type literalReader struct{ r *zframe.Reader }

func openLiteral(src *bufio.Reader, h *zstd.Header) (io.ReadCloser, error) {
	r := literalReaders.Get().(*zframe.Reader)
	return &literalReader{r}, r.Reset(src, h)
}

func (l *literalReader) Read(p []byte) (int, error) {
	if l.r == nil {
		return 0, io.ErrClosedPipe
	}
	return l.r.Read(p)
}

func (l *literalReader) Close() error {
	if l.r != nil {
		l.r.Release()
		literalReaders.Put(l.r)
		l.r = nil
	}
	return nil
}
