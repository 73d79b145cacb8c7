package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// blockElements is how many elements are compared at a time.
const blockElements = 64 << 10

// values compares the elements of two parameters of one shape.
type values struct {
	dtypeA, dtypeB tensor.DType
	parts          int // numbers in an element: 2 for complex types
	atol, rtol     float64
	tolerant       bool
	a, b           []float64
	out            *Tensor
	at             int64 // of the block's first element
	first          int64
	meter          *meter
}

// comparable reports whether values of two types can be compared: they are
// equal, or both are floats.
func comparable(a, b tensor.DType) bool {
	return a == b || a.Kind() == tensor.KindFloat && b.Kind() == tensor.KindFloat
}

// stream reads both parameters to their ends.
func (v *values) stream(ctx context.Context, ra, rb store.Reader, ta, tb *manifest.Tensor) error {
	a, err := store.Flat(ctx, ra, ta.Name)
	if err != nil {
		return fmt.Errorf("directory A: %w", err)
	}
	defer func() { _ = a.Close() }()
	b, err := store.Flat(ctx, rb, tb.Name)
	if err != nil {
		return fmt.Errorf("directory B: %w", err)
	}
	defer func() { _ = b.Close() }()
	v.parts = 1
	if v.dtypeA.Kind() == tensor.KindComplex {
		v.parts = 2
	}
	n := int(min(v.out.Elements, blockElements))
	bufA, bufB := make([]byte, n*v.dtypeA.Size()), make([]byte, n*v.dtypeB.Size())
	for v.at < v.out.Elements {
		n := int(min(v.out.Elements-v.at, blockElements))
		pa, pb := bufA[:n*v.dtypeA.Size()], bufB[:n*v.dtypeB.Size()]
		if err := errors.Join(fill("A", a, pa), fill("B", b, pb)); err != nil {
			return err
		}
		if v.dtypeA != v.dtypeB || !bytes.Equal(pa, pb) {
			v.block(pa, pb, n)
		}
		v.at += int64(n)
		v.meter.add(int64(len(pa) + len(pb)))
	}
	return errors.Join(ended("A", a), ended("B", b))
}

func fill(side string, r io.Reader, p []byte) error {
	if _, err := io.ReadFull(r, p); err != nil {
		return fmt.Errorf("%s: %w", side, err)
	}
	return nil
}

// ended reads on to where a stream says that all was well.
func ended(side string, r io.Reader) error {
	n, err := r.Read(make([]byte, 1))
	if err == io.EOF && n == 0 {
		return nil
	}
	return fmt.Errorf("%s: its stream does not end: %w", side, errors.Join(err, store.ErrCorrupt))
}

// block compares n elements that are not all the same bytes.
func (v *values) block(pa, pb []byte, n int) {
	v.a, v.b = numbers(v.a, pa, v.dtypeA), numbers(v.b, pb, v.dtypeB)
	sameType, size := v.dtypeA == v.dtypeB, v.dtypeA.Size()
	for i := range n {
		if sameType && bytes.Equal(pa[i*size:(i+1)*size], pb[i*size:(i+1)*size]) {
			continue
		}
		differs, nan := false, false
		for k := i * v.parts; k < (i+1)*v.parts; k++ {
			d, far := v.far(v.a[k], v.b[k])
			if sameType && v.dtypeA.Kind() == tensor.KindInt && size == 8 {
				d = distance64(pa[i*8:], pb[i*8:], v.dtypeA == tensor.Int64)
				far = !v.tolerant || d > v.atol+v.rtol*math.Abs(v.b[k])
			}
			if !v.tolerant && sameType {
				far = true // the bits of the element differ
			}
			if !far {
				continue
			}
			differs = true
			if nan = nan || math.IsNaN(d); !math.IsNaN(d) {
				v.out.MaxAbs = max(v.out.MaxAbs, Number(d))
			}
		}
		if differs {
			v.count(i)
		}
		if nan {
			v.out.NaN++
		}
	}
}

// count notes that element i of the block differs.
func (v *values) count(i int) {
	if v.out.Differing == 0 {
		v.first = v.at + int64(i)
		a, b := Number(v.a[i*v.parts]), Number(v.b[i*v.parts])
		for k := i * v.parts; k < (i+1)*v.parts; k++ {
			if v.a[k] != v.b[k] {
				a, b = Number(v.a[k]), Number(v.b[k])
				break
			}
		}
		v.out.FirstA, v.out.FirstB = &a, &b
	}
	v.out.Differing++
}

// far returns how far two numbers are from each other, and whether that is too
// far. Two NaNs are as good as equal; so are infinities of one sign.
func (v *values) far(a, b float64) (distance float64, far bool) {
	switch {
	case a == b || math.IsNaN(a) && math.IsNaN(b):
		return 0, false
	case math.IsNaN(a) || math.IsNaN(b):
		return math.NaN(), true
	case math.IsInf(a, 0) || math.IsInf(b, 0):
		return math.Inf(1), true
	}
	d := math.Abs(a - b)
	return d, !(d <= v.atol+v.rtol*math.Abs(b))
}

// distance64 is exact where float64 numbers are not.
func distance64(a, b []byte, signed bool) float64 {
	x, y := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
	if signed {
		x, y = x^1<<63, y^1<<63 // in the order of their values
	}
	return float64(max(x, y) - min(x, y))
}

// numbers decodes elements, both parts of a complex one, as float64. All but
// 64-bit integers are exact.
func numbers(dst []float64, src []byte, d tensor.DType) []float64 {
	dst = dst[:0]
	switch d.Kind() {
	case tensor.KindComplex:
		if d == tensor.Complex64 {
			return floats(dst, src, tensor.Float32)
		}
		return floats(dst, src, tensor.Float64)
	case tensor.KindFloat:
		return floats(dst, src, d)
	}
	size := d.Size()
	signed := d == tensor.Int2 || d == tensor.Int4 || d == tensor.Int8 || d == tensor.Int16 || d == tensor.Int32 || d == tensor.Int64
	for i := 0; i < len(src); i += size {
		var u uint64
		for k := range size {
			u |= uint64(src[i+k]) << (8 * k)
		}
		if shift := 64 - 8*size; signed {
			dst = append(dst, float64(int64(u<<shift)>>shift))
		} else {
			dst = append(dst, float64(u))
		}
	}
	return dst
}

func floats(dst []float64, src []byte, d tensor.DType) []float64 {
	n := len(src) / d.Size()
	wide := make([]byte, 8*n)
	if err := tensor.Convert(wide, tensor.Float64, src, d); err != nil {
		panic("compare: a float type that does not widen")
	}
	for i := range n {
		dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(wide[8*i:])))
	}
	return dst
}

// index turns an element's position into its index.
func index(at int64, shape tensor.Shape) []int {
	out := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = int(at % int64(shape[i]))
		at /= int64(shape[i])
	}
	return out
}
