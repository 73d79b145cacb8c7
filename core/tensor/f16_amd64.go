//go:build !purego

package tensor

import "golang.org/x/sys/cpu"

var hasF16C = cpu.X86.HasAVX2 && cpu.X86.HasF16C

// encodeF16 equals encodeF16Portable: whole blocks of 16 in assembly.
func encodeF16(dst []uint16, src []uint32) {
	if n := len(src) &^ 15; hasF16C && n > 0 {
		_ = dst[n-1] // the assembly checks no bounds
		encodeF16C(&dst[0], &src[0], n/16)
		dst, src = dst[n:], src[n:]
	}
	encodeF16Portable(dst, src)
}

// decodeF16 equals decodeF16Portable.
func decodeF16(dst []uint32, src []uint16) {
	if n := len(src) &^ 15; hasF16C && n > 0 {
		_ = dst[n-1] // the assembly checks no bounds
		decodeF16C(&dst[0], &src[0], n/16)
		dst, src = dst[n:], src[n:]
	}
	decodeF16Portable(dst, src)
}

// encodeF16C rounds blocks times 16 elements, at least one block:
//
//	for i, u := range src {
//		dst[i] = F16FromFloat32(u)
//	}
//
//go:noescape
func encodeF16C(dst *uint16, src *uint32, blocks int)

// decodeF16C widens blocks times 16 elements, at least one block:
//
//	for i, h := range src {
//		dst[i] = Float32FromF16(h)
//	}
//
//go:noescape
func decodeF16C(dst *uint32, src *uint16, blocks int)
