package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// gridReader is a Reader of one parameter, "p", whose element at flat index i
// is the number i, cut into chunks. It counts the streams that are open.
type gridReader struct {
	shape  tensor.Shape
	chunks []Chunk
	change func(i int, b []byte) io.Reader // what chunk i streams; nil: b
	open   int
	most   int
	opened int
}

func newGrid(shape, chunk tensor.Shape) *gridReader {
	g := &gridReader{shape: shape}
	var cut func(axis int, r tensor.Region)
	cut = func(axis int, r tensor.Region) {
		if axis == len(shape) {
			g.chunks = append(g.chunks, Chunk{Index: len(g.chunks), Memory: 1000,
				Region: tensor.Region{Origin: append([]int(nil), r.Origin...), Shape: append(tensor.Shape(nil), r.Shape...)}})
			return
		}
		for at := 0; at < shape[axis]; at += chunk[axis] {
			cut(axis+1, tensor.Region{Origin: append(r.Origin, at), Shape: append(r.Shape, min(chunk[axis], shape[axis]-at))})
		}
	}
	cut(0, tensor.Region{})
	return g
}

func (g *gridReader) Manifest() *manifest.Manifest {
	return &manifest.Manifest{Tensors: []manifest.Tensor{{Name: "p", Path: []string{"p"}, DType: tensor.Uint32, Shape: g.shape}}}
}
func (g *gridReader) Chunks(string) ([]Chunk, error) { return g.chunks, nil }
func (g *gridReader) Recheck() error                 { return nil }
func (g *gridReader) Close() error                   { return nil }

func (g *gridReader) Open(_ context.Context, _ string, c Chunk) (io.ReadCloser, error) {
	g.open++
	g.opened++
	g.most = max(g.most, g.open)
	b := elements(g.shape, c.Region)
	var r io.Reader = bytes.NewReader(b)
	if g.change != nil {
		r = g.change(c.Index, b)
	}
	return &counted{r, g}, nil
}

type counted struct {
	io.Reader
	g *gridReader
}

func (c *counted) Close() error { c.g.open--; return nil }

// elements returns the flat indices of a region, by counting through all of
// the shape and keeping what lies inside.
func elements(shape tensor.Shape, r tensor.Region) []byte {
	var out []byte
	for i := range shape.Elements() {
		inside, rest := true, i
		for axis := len(shape) - 1; axis >= 0; axis-- {
			at := rest % shape[axis]
			rest /= shape[axis]
			inside = inside && at >= r.Origin[axis] && at < r.Origin[axis]+r.Shape[axis]
		}
		if inside {
			out = binary.LittleEndian.AppendUint32(out, uint32(i))
		}
	}
	return out
}

// TestFlatGrids reads random grids of chunks: C order of the whole, whatever
// the cut and however the streams and the caller portion their reads.
func TestFlatGrids(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	portions := []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r }}
	for range 400 {
		rank := r.IntN(6)
		shape, chunk := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for i := range shape {
			shape[i] = 1 + r.IntN(6)
			chunk[i] = 1 + r.IntN(7)
		}
		g := newGrid(shape, chunk)
		portion := portions[r.IntN(len(portions))]
		g.change = func(_ int, b []byte) io.Reader { return portion(bytes.NewReader(b)) }
		f, err := Flat(context.Background(), g, "p")
		if err != nil {
			t.Fatalf("%v in %v: %v", shape, chunk, err)
		}
		got, err := io.ReadAll(portions[r.IntN(len(portions))](f))
		if err != nil {
			t.Fatalf("%v in %v: %v", shape, chunk, err)
		}
		if want := elements(shape, tensor.Whole(shape)); !bytes.Equal(got, want) {
			t.Fatalf("%v in %v: elements are out of order", shape, chunk)
		}
		if err := f.Close(); err != nil || g.open != 0 || g.opened != len(g.chunks) {
			t.Fatalf("%v in %v: %d streams open, %d of %d opened, %v", shape, chunk, g.open, g.opened, len(g.chunks), err)
		}
	}
}

// TestFlatOpensFew counts the streams that are open at once.
func TestFlatOpensFew(t *testing.T) {
	tests := []struct {
		shape, chunk tensor.Shape
		most         int
	}{
		{tensor.Shape{8, 8}, tensor.Shape{2, 8}, 1},             // rows
		{tensor.Shape{8, 8}, tensor.Shape{2, 2}, 4},             // one row of the grid
		{tensor.Shape{8, 8}, tensor.Shape{1, 2}, 1},             // a row at a time: one after the other
		{tensor.Shape{4, 6, 6}, tensor.Shape{1, 3, 6}, 1},       // a layer is two stacked blocks
		{tensor.Shape{4, 6, 6}, tensor.Shape{1, 3, 2}, 3},       // a layer is a grid of its own
		{tensor.Shape{4, 6, 6}, tensor.Shape{2, 3, 2}, 6},       // two layers alternate
		{tensor.Shape{1, 1, 9, 4}, tensor.Shape{1, 1, 3, 4}, 1}, // leading ones
	}
	for _, tt := range tests {
		g := newGrid(tt.shape, tt.chunk)
		f, err := Flat(context.Background(), g, "p")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, f); err != nil {
			t.Fatal(err)
		}
		if g.most != tt.most {
			t.Errorf("%v in %v: %d streams at once, wanted %d", tt.shape, tt.chunk, g.most, tt.most)
		}
		for i := range g.chunks {
			g.chunks[i].Memory = MaxFlat/int64(tt.most) - flatBuffer
		}
		if _, err := Flat(context.Background(), g, "p"); err != nil {
			t.Errorf("%v in %v: %v", tt.shape, tt.chunk, err)
		}
		for i := range g.chunks {
			g.chunks[i].Memory += MaxFlat/int64(tt.most)/1000 + 1
		}
		if _, err := Flat(context.Background(), g, "p"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "at most 536870912") {
			t.Errorf("%v in %v: beyond the bound: %v", tt.shape, tt.chunk, err)
		}
	}
}

// TestFlatFaults reads streams that are not what their chunks say.
func TestFlatFaults(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		edit   func(*gridReader)
		param  string
		want   error
		inText string
	}{
		{name: "short", want: ErrCorrupt, inText: "early", edit: func(g *gridReader) {
			g.change = func(i int, b []byte) io.Reader { return bytes.NewReader(b[:len(b)-i/3]) }
		}},
		{name: "long", want: ErrCorrupt, inText: "beyond", edit: func(g *gridReader) {
			g.change = func(i int, b []byte) io.Reader { return bytes.NewReader(append(b, make([]byte, i/3)...)) }
		}},
		{name: "error at the end", want: broken, edit: func(g *gridReader) {
			g.change = func(_ int, b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b), iotest.ErrReader(broken)) }
		}},
		{name: "gap", inText: "begins at 4 of axis 1, wanted 2", edit: func(g *gridReader) { g.chunks = append(g.chunks[:1], g.chunks[2:]...) }},
		{name: "end", inText: "end at 4 of axis 0, wanted 6", edit: func(g *gridReader) { g.chunks = g.chunks[:6] }},
		{name: "overlap", inText: "begins at 0 of axis 1, wanted 6", edit: func(g *gridReader) { g.chunks[3].Region.Origin[0] = 0 }},
		{name: "too narrow", inText: "end at 2 of axis 1, wanted 6", edit: func(g *gridReader) {
			g.chunks = []Chunk{{Region: tensor.Region{Origin: []int{0, 0}, Shape: tensor.Shape{6, 2}}}}
		}},
		{name: "no such parameter", param: "q", want: ErrNotFound, edit: func(*gridReader) {}},
	}
	for _, tt := range tests {
		g := newGrid(tensor.Shape{6, 6}, tensor.Shape{2, 2})
		tt.edit(g)
		name := "p"
		if tt.param != "" {
			name = tt.param
		}
		f, err := Flat(context.Background(), g, name)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			if again := errors.Join(f.Close(), f.Close()); again != nil || g.open != 0 {
				t.Errorf("%s: %d streams left open, %v", tt.name, g.open, again)
			}
		}
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.inText) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestFlatEmpty reads a parameter without elements, which may have no chunks.
func TestFlatEmpty(t *testing.T) {
	g := &gridReader{shape: tensor.Shape{3, 0}}
	f, err := Flat(context.Background(), g, "p")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

// TestFlatStops reads after the context has ended, and after Close.
func TestFlatStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f, err := Flat(ctx, newGrid(tensor.Shape{4, 4}, tensor.Shape{1, 4}), "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := f.Read(make([]byte, 16)); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	g := newGrid(tensor.Shape{4, 4}, tensor.Shape{4, 2})
	if f, err = Flat(context.Background(), g, "p"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil || g.open != 0 {
		t.Errorf("%d streams open, %v", g.open, err)
	}
	if _, err := f.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("after close: %v", err)
	}
}
