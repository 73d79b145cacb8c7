package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/tensor"
)

// MaxFlat bounds what the streams that Flat has open at once may hold, in
// bytes. Chunks of one row of the grid are open together, so a grid that is
// cut very finely along its later axes may need more, and is refused.
const MaxFlat = 512 << 20

// flatBuffer is what a stream is read ahead by where its runs are short.
const flatBuffer = 16 << 10

// Flat streams all elements of one parameter, C order, little-endian, from the
// streams of its chunks. Each chunk is decoded once and checked to its end.
// Chunks whose elements alternate in that order are open at once:
//
//	chunks   A A B B      a row is A's next run, then B's next run;
//	         A A B B      C and D are opened when A and B have ended
//	         C C D D
//
// What they hold together is bounded by MaxFlat; an error that wraps
// ErrUnsupported names the figure that would be needed. The stream ends with
// io.EOF after exactly as many bytes as the parameter has.
func Flat(ctx context.Context, r Reader, name string) (io.ReadCloser, error) {
	t := r.Manifest().Lookup(name)
	if t == nil {
		return nil, fmt.Errorf("parameter %q: %w", name, ErrNotFound)
	}
	chunks, err := r.Chunks(name)
	if err != nil {
		return nil, err
	}
	f := &flat{ctx: ctx, r: r, name: name, size: t.DType.Size(), open: map[*flatStream]bool{}}
	if slices.Contains(t.Shape, 0) {
		return f, nil
	}
	streams := make([]*flatStream, len(chunks))
	for i, c := range chunks {
		streams[i] = &flatStream{chunk: c, left: int64(c.Region.Shape.Elements()) * int64(f.size)}
	}
	list, err := f.plan(streams, 0, t.Shape)
	if err != nil {
		return nil, fmt.Errorf("parameter %q of shape %v: %w", name, t.Shape, err)
	}
	if need := needs(list, false); need > MaxFlat {
		return nil, fmt.Errorf("parameter %q: %w: the %d chunks of shape %v must be decoded many at once, which takes %d bytes; at most %d are supported",
			name, ErrUnsupported, len(chunks), chunks[0].Region.Shape, need, int64(MaxFlat))
	}
	f.stack = []flatFrame{{list: list, left: 1}}
	return f, nil
}

// flatNode is one step of the order in which streams are read: a run of bytes
// from one stream, or a list that is gone through a number of times.
type flatNode struct {
	stream *flatStream
	run    int64
	times  int
	body   []flatNode
}

type flatStream struct {
	chunk Chunk
	left  int64
	src   io.ReadCloser
	r     io.Reader
}

// plan lays streams, which lie in C order of their origins and agree in all
// axes before this one, out along it. It proves that they tile shape.
func (f *flat) plan(streams []*flatStream, axis int, shape tensor.Shape) ([]flatNode, error) {
	if axis == len(shape) {
		if len(streams) != 1 {
			return nil, fmt.Errorf("%d chunks hold one element", len(streams))
		}
		return []flatNode{{stream: streams[0], run: int64(f.size)}}, nil
	}
	var out []flatNode
	at := 0
	for len(streams) > 0 {
		first := streams[0].chunk.Region
		n := 0
		for n < len(streams) && streams[n].chunk.Region.Origin[axis] == first.Origin[axis] && streams[n].chunk.Region.Shape[axis] == first.Shape[axis] {
			n++
		}
		if first.Origin[axis] != at || first.Shape[axis] < 1 {
			return nil, fmt.Errorf("a chunk begins at %d of axis %d, wanted %d", first.Origin[axis], axis, at)
		}
		at += first.Shape[axis]
		if n == 1 && covers(first, shape, axis+1) {
			out = append(out, flatNode{stream: streams[0], run: int64(first.Shape[axis:].Elements()) * int64(f.size)})
		} else {
			body, err := f.plan(streams[:n], axis+1, shape)
			if err != nil {
				return nil, err
			}
			out = append(out, flatNode{times: first.Shape[axis], body: body})
		}
		streams = streams[n:]
	}
	if at != shape[axis] {
		return nil, fmt.Errorf("chunks end at %d of axis %d, wanted %d", at, axis, shape[axis])
	}
	return out, nil
}

// covers reports whether r is whole along the axes from axis on.
func covers(r tensor.Region, shape tensor.Shape, axis int) bool {
	for ; axis < len(shape); axis++ {
		if r.Origin[axis] != 0 || r.Shape[axis] != shape[axis] {
			return false
		}
	}
	return true
}

// needs returns the most that streams of a list hold at once, in bytes: those
// of a list that is repeated are all open together, others one by one.
func needs(list []flatNode, repeated bool) int64 {
	var most, sum int64
	for i := range list {
		n := &list[i]
		var m int64
		if n.stream != nil {
			m = n.stream.chunk.Memory + flatBuffer
		} else {
			m = needs(n.body, repeated || n.times > 1)
		}
		most = max(most, m)
		sum = min(sum+m, 1<<60)
	}
	if repeated {
		return sum
	}
	return most
}

type flatFrame struct {
	list []flatNode
	at   int
	left int // times that the list is still gone through, this one included
}

type flat struct {
	ctx   context.Context
	r     Reader
	name  string
	size  int
	stack []flatFrame
	now   *flatStream
	run   int64 // bytes that are left of the current run
	open  map[*flatStream]bool
	err   error
}

func (f *flat) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	total := 0
	for len(p) > 0 && f.err == nil {
		n, err := f.read(p)
		p, total, f.err = p[n:], total+n, err
	}
	if f.err != nil && f.err != io.EOF {
		f.err = errors.Join(f.err, f.closeAll())
	}
	if total > 0 && f.err == io.EOF {
		return total, nil
	}
	return total, f.err
}

func (f *flat) read(p []byte) (int, error) {
	if f.run == 0 && !f.next() {
		return 0, io.EOF
	}
	s := f.now
	if s.src == nil {
		if err := f.begin(s); err != nil {
			return 0, err
		}
	}
	n, err := s.r.Read(p[:min(int64(len(p)), f.run)])
	f.run -= int64(n)
	s.left -= int64(n)
	switch {
	case err != nil && err != io.EOF:
		return n, err
	case s.left == 0:
		return n, f.end(s)
	case err == io.EOF:
		return n, fmt.Errorf("parameter %q: chunk at %v ends %d bytes early: %w", f.name, s.chunk.Region.Origin, s.left, ErrCorrupt)
	}
	return n, nil
}

// next moves on to the next run; false at the end.
func (f *flat) next() bool {
	for len(f.stack) > 0 {
		top := &f.stack[len(f.stack)-1]
		if top.at == len(top.list) {
			top.at = 0
			if top.left--; top.left == 0 {
				f.stack = f.stack[:len(f.stack)-1]
			}
			continue
		}
		n := &top.list[top.at]
		top.at++
		if n.stream != nil {
			f.now, f.run = n.stream, n.run
			return true
		}
		f.stack = append(f.stack, flatFrame{list: n.body, left: n.times})
	}
	return false
}

func (f *flat) begin(s *flatStream) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	src, err := f.r.Open(f.ctx, f.name, s.chunk)
	if err != nil {
		return err
	}
	s.src, s.r = src, src
	if f.run < flatBuffer && f.run < s.left {
		s.r = bufio.NewReaderSize(src, flatBuffer)
	}
	f.open[s] = true
	return nil
}

// end checks that a stream has ended, which is also where it says that its
// chunk was longer, or that a checksum fails.
func (f *flat) end(s *flatStream) error {
	var one [1]byte
	for range 100 {
		n, err := s.r.Read(one[:])
		switch {
		case n > 0:
			return fmt.Errorf("parameter %q: chunk at %v has bytes beyond its elements: %w", f.name, s.chunk.Region.Origin, ErrCorrupt)
		case err == io.EOF:
			delete(f.open, s)
			err := s.src.Close()
			s.r = nil
			return err
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

func (f *flat) closeAll() error {
	var errs []error
	for s := range f.open {
		errs = append(errs, s.src.Close())
	}
	clear(f.open)
	return errors.Join(errs...)
}

// Close ends the streams that are still open.
func (f *flat) Close() error {
	if f.err == nil {
		f.err = errors.New("read after close")
	}
	return f.closeAll()
}
