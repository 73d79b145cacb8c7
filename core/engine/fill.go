package engine

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// fillBuffer is how much of a constant is written at one time.
const fillBuffer = 256 << 10

// fills writes the constants. Zeros are left out where nothing written reads as
// zero anyway.
func (e *executor) fills(fresh bool) error {
	for i := range e.p.fills {
		if err := e.fill(&e.p.fills[i], fresh); err != nil {
			return err
		}
	}
	return nil
}

func (e *executor) fill(f *fill, fresh bool) error {
	t := &e.p.targets[f.target]
	one := make([]byte, t.dtype.Size())
	if t.dtype.Kind() == tensor.KindFloat {
		if err := tensor.Convert(one, t.dtype, tensor.Float32Bytes([]float32{f.value}), tensor.Float32); err != nil {
			return invalid(t.name, err)
		}
	}
	dims := slices.Clone(f.dims)
	slices.SortFunc(dims, func(a, b plan.Dim) int { return cmp.Compare(a.Dst, b.Dst) })
	run := 1
	for len(dims) > 0 && dims[0].Dst == run {
		run *= dims[0].Size
		dims = dims[1:]
	}
	count := run
	for _, d := range dims {
		count *= d.Size
	}
	if !isFinite(one, t.dtype) {
		e.tally.constant(f.target, int64(count))
	}
	if fresh && !slices.ContainsFunc(one, func(b byte) bool { return b != 0 }) {
		if e.progress != nil {
			e.progress.Written.Add(int64(count * len(one)))
		}
		return nil
	}
	buf := bytes.Repeat(one, max(1, min(run, fillBuffer/len(one))))
	return e.fillRuns(f.target, dims, f.dst, run, len(one), buf)
}

func (e *executor) fillRuns(target int, dims []plan.Dim, dst, run, size int, buf []byte) error {
	if len(dims) == 0 {
		for left := run * size; left > 0; left -= len(buf) {
			if err := e.write(target, int64((dst+run)*size-left), buf[:min(left, len(buf))]); err != nil {
				return err
			}
		}
		return nil
	}
	d := dims[len(dims)-1]
	for i := range d.Size {
		if err := e.fillRuns(target, dims[:len(dims)-1], dst+i*d.Dst, run, size, buf); err != nil {
			return err
		}
	}
	return nil
}
