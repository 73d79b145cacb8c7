package engine

import (
	"github.com/loraconv/loraconv/core/kernel"
	"github.com/loraconv/loraconv/core/tensor"
)

// sumRoom is how many elements of an operand are held while it is summed.
const sumRoom = 64 << 10

// sums takes the one-sided sums of all operands that have some, in place: what
// is summed lies together, so a sum is written to where its own summands, or
// those of one before it, have been read. It holds two buffers of room elements.
func (o *operands) sums(room int) error {
	var src, dst []float32
	for i, p := range o.list {
		kept, all := p.layout.elements(), p.shape.Elements()
		if kept == all || kept == 0 {
			continue
		}
		if src == nil {
			src, dst = make([]float32, room), make([]float32, room)
		}
		n := all / kept // summands of one sum
		for at := 0; at < kept; {
			count, err := min(kept-at, room/n), error(nil)
			if count > 0 {
				err = o.sumRows(i, at, count, n, dst, src)
			} else {
				count, err = 1, o.sumLong(i, at, n, dst, src)
			}
			if err == nil {
				err = o.write(i, 4*int64(at), tensor.Float32Bytes(dst[:count]))
			}
			if err != nil {
				return scratchFault(err)
			}
			at += count
		}
	}
	return nil
}

// sumRows makes count sums of n summands each, from the one at on.
func (o *operands) sumRows(i, at, count, n int, dst, src []float32) error {
	src = src[:count*n]
	if err := o.load(i, at*n, src); err != nil {
		return err
	}
	kernel.Sum(dst[:count], src, []int{count, n}, []bool{false, true})
	return nil
}

// sumLong makes one sum of more summands than there is room for. A part begins
// with the sum so far, which +0 in front of it does not change: a sum that
// began at +0 is never -0.
func (o *operands) sumLong(i, at, n int, dst, src []float32) error {
	dst[0] = 0
	for from := 0; from < n; from += len(src) - 1 {
		part := src[:1+min(len(src)-1, n-from)]
		part[0] = dst[0]
		if err := o.load(i, at*n+from, part[1:]); err != nil {
			return err
		}
		kernel.Sum(dst[:1], part, []int{len(part)}, []bool{true})
	}
	return nil
}

// load reads elements of an operand from the one at on, before sums.
func (o *operands) load(i, at int, dst []float32) error {
	if o.scratch == nil {
		copy(dst, o.inMemory(i, at+len(dst))[at:])
		return nil
	}
	_, err := o.scratch.ReadAt(tensor.Float32Bytes(dst), o.list[i].off+4*int64(at))
	return err
}
