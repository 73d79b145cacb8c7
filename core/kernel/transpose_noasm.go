//go:build amd64 || arm64

package kernel

func transposeTile(dst, src []byte, stride, h, w, width int) {
	transposePortable(dst, src, stride, h, w, width)
}
