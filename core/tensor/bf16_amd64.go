//go:build !purego

package tensor

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// hasAVX512 leaves out the first processors with AVX-512, as kernel.Merge does. It
// is a variable for tests.
var hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasAVX2

// encodeBF16 equals encodeBF16Portable: whole blocks of 16 in assembly.
func encodeBF16(dst []uint16, src []uint32) {
	if n := len(src) &^ 15; hasAVX2 && n > 0 {
		_ = dst[n-1] // the assembly checks no bounds
		if hasAVX512 {
			encodeBF16AVX512(&dst[0], &src[0], n/16)
		} else {
			encodeBF16AVX2(&dst[0], &src[0], n/16)
		}
		dst, src = dst[n:], src[n:]
	}
	encodeBF16Portable(dst, src)
}

// decodeBF16 equals decodeBF16Portable.
func decodeBF16(dst []uint32, src []uint16) {
	if n := len(src) &^ 15; hasAVX2 && n > 0 {
		_ = dst[n-1] // the assembly checks no bounds
		if hasAVX512 {
			decodeBF16AVX512(&dst[0], &src[0], n/16)
		} else {
			decodeBF16AVX2(&dst[0], &src[0], n/16)
		}
		dst, src = dst[n:], src[n:]
	}
	decodeBF16Portable(dst, src)
}

// encodeBF16AVX2 rounds blocks times 16 elements, at least one block:
//
//	for i, u := range src {
//		dst[i] = BF16FromFloat32(u)
//	}
//
//go:noescape
func encodeBF16AVX2(dst *uint16, src *uint32, blocks int)

// decodeBF16AVX2 widens blocks times 16 elements, at least one block:
//
//	for i, h := range src {
//		dst[i] = Float32FromBF16(h)
//	}
//
//go:noescape
func decodeBF16AVX2(dst *uint32, src *uint16, blocks int)

// encodeBF16AVX512 is encodeBF16AVX2 with half of the instructions, or fewer.
//
//go:noescape
func encodeBF16AVX512(dst *uint16, src *uint32, blocks int)

// decodeBF16AVX512 is decodeBF16AVX2 in the same way.
//
//go:noescape
func decodeBF16AVX512(dst *uint32, src *uint16, blocks int)
