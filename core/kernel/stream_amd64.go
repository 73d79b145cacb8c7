//go:build !purego

package kernel

import "unsafe"

const (
	line       = 64
	longStream = 4096 // bytes from which on a run need not begin and end with a line
)

// stream copies len(dst) bytes of src, and writes whole lines of dst past the
// caches. A line that is written in parts goes through them: a short run that
// does not begin and end with a line is left to copy. endStream must follow.
func stream(dst, src []byte) {
	src = src[:len(dst)]
	head := int(-uintptr(unsafe.Pointer(unsafe.SliceData(dst))) % line)
	lines := (len(dst) - head) / line
	if !hasAVX2 || lines <= 0 || len(dst) < longStream && lines*line != len(dst) {
		copy(dst, src)
		return
	}
	copy(dst[:head], src)
	streamAVX2(&dst[head], &src[head], lines)
	copy(dst[head+lines*line:], src[head+lines*line:])
}

// streamAVX2 copies lines times 64 bytes, at least one line; dst is aligned to a
// line.
//
//go:noescape
func streamAVX2(dst, src *byte, lines int)

// endStream waits for what stream wrote: such writes are not ordered with others.
func endStream()
