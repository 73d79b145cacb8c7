package kernel

import "encoding/binary"

// transposePortable writes to dst, contiguous, the h x w elements of src whose
// rows are stride bytes apart: dst[c*h + r] = src[r, c]. Words of eight bytes
// are turned in registers; what is left over goes one by one.
func transposePortable(dst, src []byte, stride, h, w, width int) {
	switch width {
	case 2:
		h4, w4 := h&^3, w&^3
		for r := 0; r < h4; r += 4 {
			turn16(dst[r*2:], src[r*stride:], h*2, stride, w4)
		}
		transposeRest(dst, src, stride, h, w, width, h4, w4)
	case 4:
		h2, w2 := h&^1, w&^1
		for r := 0; r < h2; r += 2 {
			turn32(dst[r*4:], src[r*stride:], h*4, stride, w2)
		}
		transposeRest(dst, src, stride, h, w, width, h2, w2)
	default:
		transposeRest(dst, src, stride, h, w, width, 0, 0)
	}
}

// transposeRest does the elements of an h x w tile outside its first h0 rows
// of w0 columns.
func transposeRest(dst, src []byte, stride, h, w, width, h0, w0 int) {
	for r := range h {
		c := 0
		if r < h0 {
			c = w0
		}
		if c < w {
			copyStrided(dst[(c*h+r)*width:], src[r*stride+c*width:], width, axis{w - c, h * width, width})
		}
	}
}

// turn16 transposes four rows of w two-byte elements, 4 x 4 at a time:
//
//	a = a0 a1 a2 a3        a0 a1 c0 c1        a0 b0 c0 d0
//	b = b0 b1 b2 b3   ►    b0 b1 d0 d1   ►    a1 b1 c1 d1
//	c = c0 c1 c2 c3        a2 a3 c2 c3        a2 b2 c2 d2
//	d = d0 d1 d2 d3        b2 b3 d2 d3        a3 b3 c3 d3
func turn16(dst, src []byte, dstStride, srcStride, w int) {
	const low, even = 0x00000000ffffffff, 0x0000ffff0000ffff
	for c := 0; c < w; c += 4 {
		s := src[c*2:]
		a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[srcStride:])
		e, f := binary.LittleEndian.Uint64(s[2*srcStride:]), binary.LittleEndian.Uint64(s[3*srcStride:])
		p, q := a&low|e<<32, b&low|f<<32
		u, v := a>>32|e&^low, b>>32|f&^low
		d := dst[c*dstStride:]
		binary.LittleEndian.PutUint64(d, p&even|q&even<<16)
		binary.LittleEndian.PutUint64(d[dstStride:], p>>16&even|q&^even)
		binary.LittleEndian.PutUint64(d[2*dstStride:], u&even|v&even<<16)
		binary.LittleEndian.PutUint64(d[3*dstStride:], u>>16&even|v&^even)
	}
}

// turn32 transposes two rows of w four-byte elements, 2 x 2 at a time.
func turn32(dst, src []byte, dstStride, srcStride, w int) {
	const low = 0x00000000ffffffff
	for c := 0; c < w; c += 2 {
		a, b := binary.LittleEndian.Uint64(src[c*4:]), binary.LittleEndian.Uint64(src[c*4+srcStride:])
		binary.LittleEndian.PutUint64(dst[c*dstStride:], a&low|b<<32)
		binary.LittleEndian.PutUint64(dst[(c+1)*dstStride:], a>>32|b&^low)
	}
}
