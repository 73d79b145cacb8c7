package zarr

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/store/orbax/internal/blosc"
	"github.com/loraconv/loraconv/core/store/orbax/internal/zframe"
)

// readBlock is the unit in which stored bytes are read.
const readBlock = 256 << 10

// What streams of the codecs hold, beside what they decode.
const (
	gzipMemory  = 128 << 10
	bzip2Memory = 4 << 20
	smallBuffer = 64 << 10
)

// leafBytes is what a leaf decodes to, padding included.
func (a *Array) leafBytes() int64 { return int64(a.Leaf.Elements()) * int64(a.DType.Size()) }

// Need returns the most that a stream of the leaf stored in b holds, in bytes.
// It reads the header of the leaf's frame, and reports what that alone can
// show to be wrong. maxWindow bounds the window of zstd frames.
func (a *Array) Need(b Blob, maxWindow int64) (int64, error) {
	need := int64(readBlock)
	if !a.inOrder() {
		need += a.leafBytes()
	}
	if component(a.DType) > 1 {
		need += smallBuffer
	}
	head, err := readHead(b)
	if err != nil {
		return 0, err
	}
	direct := true // what the codec reads begins where b begins
	for i := len(a.codecs) - 1; i >= 0; i-- {
		size := int64(-1)
		if i == 0 {
			size = a.leafBytes()
		}
		n, err := a.codecs[i].need(head, b.Size(), direct, size, maxWindow)
		if err != nil {
			return 0, err
		}
		need += n
		direct = direct && a.codecs[i] == codecCRC32C
	}
	return need, nil
}

func readHead(b Blob) ([]byte, error) {
	head := make([]byte, min(b.Size(), max(zstd.HeaderMaxSize, blosc.HeaderSize)))
	return head, readAt(b, head, 0)
}

func (c codec) need(head []byte, stored int64, direct bool, size, maxWindow int64) (int64, error) {
	switch c {
	case codecZstd:
		if !direct {
			return zstdOverhead + maxWindow, nil
		}
		h, err := readZstdHeader(head, size, maxWindow)
		if err != nil {
			return 0, err
		}
		return zstdOverhead + int64(zframe.Window(h)), nil
	case codecBlosc:
		if !direct {
			return 2*MaxDecoded + smallBuffer, nil
		}
		h, err := blosc.ParseHeader(head)
		if err != nil {
			return 0, asCorrupt(err)
		}
		if h.Memory() > MaxDecoded {
			return 0, unsupported("blosc chunk in blocks of %d bytes, which need %d bytes, at most %d are supported", h.BlockSize, h.Memory(), MaxDecoded)
		}
		return h.Memory() + min(stored, MaxDecoded), nil
	case codecBzip2:
		return bzip2Memory, nil
	case codecCRC32C:
		return smallBuffer, nil
	default:
		return gzipMemory, nil
	}
}

// decode undoes the codecs of a leaf. The stream is what the leaf was before
// the first of them; it may be longer or shorter than it should be.
func (a *Array) decode(b Blob, maxWindow int64) (io.ReadCloser, error) {
	s := &stack{}
	if n := len(a.codecs); n > 0 && a.codecs[n-1] == codecBlosc {
		return a.decodeBlosc(b, maxWindow)
	}
	s.Reader = bufio.NewReaderSize(io.NewSectionReader(b, 0, b.Size()), int(min(readBlock, max(b.Size(), 64))))
	return s, s.pushAll(a, len(a.codecs), maxWindow)
}

// decodeBlosc is decode where blosc came last.
func (a *Array) decodeBlosc(b Blob, maxWindow int64) (io.ReadCloser, error) {
	if b.Size() > MaxDecoded {
		return nil, unsupported("blosc chunk of %d stored bytes, at most %d are supported", b.Size(), MaxDecoded)
	}
	data := make([]byte, b.Size())
	if err := readAt(b, data, 0); err != nil {
		return nil, err
	}
	r, err := newBlosc(data)
	if err != nil {
		return nil, err
	}
	s := &stack{Reader: r}
	return s, s.pushAll(a, len(a.codecs)-1, maxWindow)
}

// pushAll undoes the first n codecs of the array, the last of them first.
func (s *stack) pushAll(a *Array, n int, maxWindow int64) error {
	for i := n - 1; i >= 0; i-- {
		size := int64(-1)
		if i == 0 {
			size = a.leafBytes()
		}
		if err := s.push(a.codecs[i], size, maxWindow); err != nil {
			_ = s.Close()
			return err
		}
	}
	return nil
}

// stack is a reader on top of others, some of which must be closed.
type stack struct {
	io.Reader
	closers []io.Closer
}

func (s *stack) Close() error {
	for _, c := range s.closers {
		_ = c.Close() // readers of memory and of files opened for reading: nothing can be lost
	}
	s.closers = nil
	return nil
}

func (s *stack) push(c codec, size, maxWindow int64) error {
	src, ok := s.Reader.(*bufio.Reader)
	if !ok {
		room := smallBuffer
		if c == codecZstd {
			room = zframe.MinBuffer
		}
		src = bufio.NewReaderSize(s.Reader, room)
	}
	switch c {
	case codecZstd:
		r, err := openZstd(src, size, maxWindow)
		if err != nil {
			return err
		}
		s.Reader, s.closers = r, append(s.closers, r)
	case codecGzip:
		r, err := gzip.NewReader(src)
		if err != nil {
			return err
		}
		r.Multistream(false)
		s.Reader, s.closers = &ending{r, src}, append(s.closers, r)
	case codecZlib:
		r, err := zlib.NewReader(src)
		if err != nil {
			return err
		}
		s.Reader, s.closers = &ending{r, src}, append(s.closers, r)
	case codecBzip2:
		s.Reader = &ending{bzip2.NewReader(src), src}
	case codecCRC32C:
		s.Reader = &crcReader{src: src}
	case codecBlosc:
		r, err := openBlosc(src)
		if err != nil {
			return err
		}
		s.Reader = r
	}
	return nil
}

// ending checks, at the end of r, that r has used all of src.
type ending struct {
	r   io.Reader
	src *bufio.Reader
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err == io.EOF {
		if _, left := e.src.Peek(1); left == nil {
			err = errors.New("bytes after the compressed data")
		} else if left != io.EOF {
			err = left
		}
	}
	return n, err
}

// crcReader passes on all bytes of src but the last four, which are the
// CRC-32C of the others, little-endian.
type crcReader struct {
	src *bufio.Reader
	sum uint32
}

func (c *crcReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := c.src.Peek(min(len(p), c.src.Size()-4) + 4)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if len(b) < 4 {
		return 0, errors.New("no CRC-32C at the end")
	}
	n := copy(p, b[:len(b)-4])
	c.sum = crc32.Update(c.sum, castagnoli, p[:n])
	if n == 0 {
		if want := binary.LittleEndian.Uint32(b); want != c.sum {
			return 0, corrupt("CRC-32C is %08x, the file says %08x", c.sum, want)
		}
		return 0, io.EOF
	}
	_, err = c.src.Discard(n)
	return n, err
}

// openBlosc reads the whole of a blosc container: its blocks may stand in any
// order.
func openBlosc(src *bufio.Reader) (io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(src, MaxDecoded+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxDecoded {
		return nil, unsupported("blosc chunk of more than %d stored bytes", MaxDecoded)
	}
	return newBlosc(data)
}

func newBlosc(data []byte) (io.Reader, error) {
	r, err := blosc.NewReader(data)
	if err != nil {
		return nil, asCorrupt(err)
	}
	if r.Memory() > MaxDecoded {
		return nil, unsupported("blosc chunk in blocks of %d bytes", r.BlockSize)
	}
	return r, nil
}
