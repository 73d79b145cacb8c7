//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// transposeTile writes to dst, contiguous, the h x w elements of src whose rows
// are stride bytes apart: dst[c*h + r] = src[r, c]. It equals
// transposePortable.
func transposeTile(dst, src []byte, stride, h, w, width int) {
	if !hasAVX2 || h < 8 || w < 8 || width != 2 && width != 4 {
		transposePortable(dst, src, stride, h, w, width)
		return
	}
	// The assembly checks no bounds: the last byte of each side.
	_, _ = dst[h*w*width-1], src[(h-1)*stride+w*width-1]
	if width == 2 {
		transpose16AVX2(&dst[0], &src[0], h*2, stride, h/8, w/8)
	} else {
		transpose32AVX2(&dst[0], &src[0], h*4, stride, h/8, w/8)
	}
	if (h|w)&7 != 0 {
		transposeRest(dst, src, stride, h, w, width, h&^7, w&^7)
	}
}

// transpose16AVX2 transposes rows x cols blocks of 8 x 8 elements of two bytes.
// The strides count bytes, rows and cols blocks, at least one each.
//
//go:noescape
func transpose16AVX2(dst, src *byte, dstStride, srcStride, rows, cols int)

// transpose32AVX2 is transpose16AVX2 for elements of four bytes.
//
//go:noescape
func transpose32AVX2(dst, src *byte, dstStride, srcStride, rows, cols int)
