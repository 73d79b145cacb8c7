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
		if !direct {
			if head, err = a.headBelow(i, b, maxWindow); err != nil {
				return 0, err
			}
		}
		n, err := a.codecs[i].need(head, direct, size, maxWindow)
		if err != nil {
			return 0, err
		}
		need += n
		direct = direct && a.codecs[i] == codecCRC32C
	}
	return need, nil
}

// headBelow returns the first bytes of what codec i reads, which those behind
// it in the chain have to be undone for.
func (a *Array) headBelow(i int, b Blob, maxWindow int64) ([]byte, error) {
	s := &stack{Reader: io.NewSectionReader(b, 0, b.Size()), stored: b.Size()}
	defer func() { _ = s.Close() }()
	for k := len(a.codecs) - 1; k > i; k-- {
		if err := s.push(a.codecs[k], -1, maxWindow); err != nil {
			return nil, asCorrupt(err)
		}
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(s, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], asCorrupt(err)
}

func readHead(b Blob) ([]byte, error) {
	head := make([]byte, min(b.Size(), headSize))
	return head, readAt(b, head, 0)
}

// headSize is enough for the header of any codec.
const headSize = max(zstd.HeaderMaxSize, blosc.HeaderSize)

// need returns what the codec holds, as the head of what it reads says; direct
// if the length of that is known. size is what it decodes to, or -1.
func (c codec) need(head []byte, direct bool, size, maxWindow int64) (int64, error) {
	switch c {
	case codecZstd:
		h, err := readZstdHeader(head, size, maxWindow)
		if err != nil {
			return 0, err
		}
		return zstdOverhead + int64(zframe.Window(h)), nil
	case codecBlosc:
		h, err := readBloscHeader(head, size)
		if err != nil {
			return 0, err
		}
		stored := int64(h.Stored)
		if !direct {
			stored *= 3 // it grows while it is read
		}
		return h.Memory() + stored, nil
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
	s := &stack{stored: b.Size()}
	s.Reader = bufio.NewReaderSize(io.NewSectionReader(b, 0, b.Size()), int(min(readBlock, max(b.Size(), 64))))
	return s, s.pushAll(a, maxWindow)
}

// pushAll undoes the codecs of the array, the last of them first.
func (s *stack) pushAll(a *Array, maxWindow int64) error {
	for i := len(a.codecs) - 1; i >= 0; i-- {
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
	stored  int64 // bytes that Reader has, or -1 where only reading tells
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
	stored := s.stored
	s.stored = -1
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
		if stored >= 4 {
			s.stored = stored - 4
		}
	case codecBlosc:
		r, err := openBlosc(src, stored, size)
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

// readBloscHeader reads the header of a container that must decode to size
// bytes, or any number if that is -1.
func readBloscHeader(head []byte, size int64) (*blosc.Header, error) {
	h, err := blosc.ParseHeader(head)
	switch {
	case err != nil:
		return nil, asCorrupt(err)
	case h.Memory() > MaxDecoded:
		return nil, unsupported("blosc chunk in blocks of %d bytes, which need %d bytes, at most %d are supported", h.BlockSize, h.Memory(), MaxDecoded)
	case h.Stored > MaxDecoded:
		return nil, unsupported("blosc chunk of %d stored bytes, at most %d are supported", h.Stored, MaxDecoded)
	case size >= 0 && int64(h.Size) != size:
		return nil, corrupt("blosc container of %d bytes, the chunk has %d", h.Size, size)
	}
	return h, nil
}

// openBlosc reads the whole of a blosc container: its blocks may stand in any
// order.
func openBlosc(src *bufio.Reader, stored, size int64) (io.Reader, error) {
	head, err := src.Peek(blosc.HeaderSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	h, err := readBloscHeader(head, size)
	if err != nil {
		return nil, err
	}
	var data []byte
	if stored == int64(h.Stored) {
		data = make([]byte, stored)
		if _, err = io.ReadFull(src, data); err == nil {
			// A checksum behind the container is judged at its end.
			if _, err = src.Peek(1); err == io.EOF {
				err = nil
			}
		}
	} else { // too long, too short, or not known: the reader says so
		data, err = io.ReadAll(io.LimitReader(src, int64(h.Stored)+1))
	}
	if err != nil {
		return nil, err
	}
	r, err := blosc.NewReader(data)
	if err != nil {
		return nil, asCorrupt(err)
	}
	return r, nil
}
