//go:build arm64 || purego

package kernel

// transposeTile writes to dst, contiguous, the h x w elements of src whose rows
// are stride bytes apart: dst[c*h + r] = src[r, c].
func transposeTile(dst, src []byte, stride, h, w, width int) {
	transposePortable(dst, src, stride, h, w, width)
}
