//go:build amd64 || arm64

package tensor

import "unsafe"

// littleEndianHost exists on hosts whose memory order is the stored order, and
// whose loads need no alignment. Elsewhere the package does not compile, by
// design: stored bytes are read in place.
const littleEndianHost = true

// view reads the bytes of b as elements of T, in place. len(b) must be a
// multiple of T's size; b need not be aligned.
func view[T uint16 | uint32 | uint64 | float32](b []byte) []T {
	_ = littleEndianHost
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}

// patterns reads float32 values as their bit patterns, in place, so that no
// register of the float unit ever touches a NaN's payload.
func patterns(f []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

// Float32Bytes returns the memory of f as stored float32 elements, without a
// copy: a change of one is a change of the other.
func Float32Bytes(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
}
