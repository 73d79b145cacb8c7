//go:build !purego

package kernel

import "unsafe"

const (
	line       = 64
	longStream = 4096 // bytes from which on a run need not begin and end with a line
)

// stream copies len(dst) bytes of src, and writes whole lines of dst past the
// caches. endStream must follow.
func stream(dst, src []byte) {
	src = src[:len(dst)]
	head, lines := wholeLines(uintptr(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))
	if !hasAVX2 || lines == 0 {
		copy(dst, src)
		return
	}
	copy(dst[:head], src)
	streamAVX2(&dst[head], &src[head], lines)
	copy(dst[head+lines*line:], src[head+lines*line:])
}

// wholeLines says how many lines of n bytes at an address are written past the
// caches, and how many bytes come before them. A line that is written in parts goes
// through the caches: of a short run that does not begin and end with a line, all
// does.
func wholeLines(at uintptr, n int) (head, lines int) {
	head = int(-at % line)
	lines = max(0, n-head) / line
	if n < longStream && lines*line != n {
		lines = 0
	}
	return head, lines
}

// streamAVX2 copies lines times 64 bytes, at least one line; dst is aligned to a
// line.
//
//go:noescape
func streamAVX2(dst, src *byte, lines int)

// endStream waits for what stream wrote: such writes are not ordered with others.
// It may run on another processor than they did, for a goroutine is moved by
// interrupts and locked instructions, which wait for them as well.
func endStream()
