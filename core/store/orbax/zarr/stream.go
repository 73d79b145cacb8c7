package zarr

import (
	"bytes"
	"io"

	"github.com/loraconv/loraconv/core/tensor"
)

// Open streams the elements of region, a leaf's, from the leaf's stored bytes:
// C order, little-endian. maxWindow bounds the window of zstd frames. What the
// leaf holds beyond the region is decoded, so that its length is always
// checked, and must be the fill value: writers pad leaves with it, and anything
// else is part of an array that was larger.
func (a *Array) Open(region tensor.Region, b Blob, maxWindow int64) (io.ReadCloser, error) {
	decoded, err := a.decode(b, maxWindow)
	if err != nil {
		return nil, asCorrupt(err)
	}
	whole := &exact{src: decoded, left: a.leafBytes(), want: a.leafBytes()}
	var r io.Reader = whole
	if a.inOrder() {
		if !region.Shape.Equal(a.Leaf) {
			r = newClip(whole, a.Leaf, region.Shape, a.DType.Size(), a.padding())
		}
	} else {
		r = a.newGather(whole, region.Shape)
	}
	return &stream{Reader: a.elements(r), close: decoded.Close}, nil
}

// OpenFill streams the fill value for all elements of region.
func (a *Array) OpenFill(region tensor.Region) io.ReadCloser {
	left := int64(region.Shape.Elements()) * int64(a.DType.Size())
	block := bytes.Repeat(a.fill, max(1, int(min(left, smallBuffer))/len(a.fill)))
	return &stream{Reader: &fillReader{block: block, left: left}, close: func() error { return nil }}
}

// FillNeed is what a stream of OpenFill holds, in bytes.
const FillNeed = smallBuffer

type stream struct {
	io.Reader
	close func() error
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = asCorrupt(err)
	}
	return n, err
}

func (s *stream) Close() error { return s.close() }

type fillReader struct {
	block []byte // whole elements
	at    int
	left  int64
}

func (f *fillReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	total := 0
	for len(p) > 0 && f.left > 0 {
		n := copy(p[:min(int64(len(p)), f.left)], f.block[f.at:])
		f.at = (f.at + n) % len(f.block)
		f.left -= int64(n)
		p = p[n:]
		total += n
	}
	return total, nil
}

// exact passes on left bytes and checks that src ends there.
type exact struct {
	src  io.Reader
	left int64
	want int64
	err  error
}

func (e *exact) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if e.left == 0 {
		e.err = e.end()
		return 0, e.err
	}
	n, err := e.src.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF {
		if err = nil; e.left > 0 {
			err = corrupt("chunk decodes to %d bytes, wanted %d", e.want-e.left, e.want)
		}
	}
	e.err = err
	return n, err
}

// end reads src to its end, which must be here.
func (e *exact) end() error {
	var one [1]byte
	for range 100 {
		n, err := e.src.Read(one[:])
		switch {
		case n > 0:
			return corrupt("chunk decodes to more than %d bytes", e.want)
		case err != nil:
			return err // io.EOF, or what is wrong with the end
		}
	}
	return io.ErrNoProgress
}

var errPadding = corrupt("the chunk holds elements beyond the shape of the array, and not only the fill value: they would be lost (was the shape changed?)")
