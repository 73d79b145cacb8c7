package tensor

// CountNonFinite returns how many of the elements of src, of type d, are NaN
// and how many are infinite. A complex element counts once for each of its two
// parts that is not finite; integer and bool types have neither. A last,
// incomplete element is not looked at.
func CountNonFinite(src []byte, d DType) (nan, inf int) {
	switch d {
	case BFloat16:
		return countWords(src, 0x7f80, 16)
	case Float16:
		return countWords(src, 0x7c00, 16)
	case Float32, Complex64:
		return countWords(src, 0x7f800000, 32)
	case Float64, Complex128:
		return countWords(src, 0x7ff0<<48, 64)
	}
	if table := byteFloats[d.valid()]; table != nil {
		return countBytes(src, table)
	}
	return 0, 0
}

// countWords counts elements of the given width in bits whose exponent, the
// bits of mask, is all ones: infinite if nothing follows it, else NaN.
//
// Eight bytes are looked at at once: in each element, the exponent plus its
// own lowest bit carries into the sign's place only if it is all ones.
//
//	  0 eeeeeeee 0000000      mask, sign and mantissa cleared
//	+ 0 00000001 0000000      lowest bit of the exponent
func countWords(src []byte, mask uint64, width uint) (nan, inf int) {
	lanes := ^uint64(0)
	if width < 64 {
		lanes /= 1<<width - 1 // a one at the lowest bit of each element
	} else {
		lanes = 1
	}
	all, low, carry := mask*lanes, mask&-mask*lanes, lanes<<(width-1)
	size := int(width / 8)
	if at := finitePrefix(src, all, low, carry); at > 0 {
		src = src[at:] // what follows is short, or not all finite
	}
	words := view[uint64](src[:len(src)&^7])
	for len(words) >= 4 {
		w := words[:4:4]
		if ((w[0]&all+low)|(w[1]&all+low)|(w[2]&all+low)|(w[3]&all+low))&carry != 0 {
			for _, v := range w {
				n, i := countWord(v, mask, width)
				nan, inf = nan+n, inf+i
			}
		}
		words = words[4:]
	}
	for _, v := range words {
		n, i := countWord(v, mask, width)
		nan, inf = nan+n, inf+i
	}
	for rest := src[len(src)&^7:]; len(rest) >= size; rest = rest[size:] {
		var v uint64
		for b := range size {
			v |= uint64(rest[b]) << (8 * b)
		}
		n, i := countElement(v, mask, width)
		nan, inf = nan+n, inf+i
	}
	return nan, inf
}

func countWord(v, mask uint64, width uint) (nan, inf int) {
	for s := uint(0); s < 64; s += width {
		n, i := countElement(v>>s, mask, width)
		nan, inf = nan+n, inf+i
	}
	return nan, inf
}

func countElement(v, mask uint64, width uint) (nan, inf int) {
	magnitude := v & (1<<(width-1) - 1)
	switch {
	case magnitude > mask:
		return 1, 0
	case magnitude == mask:
		return 0, 1
	}
	return 0, 0
}

func countBytes(src []byte, table *[256]uint32) (nan, inf int) {
	for _, b := range src {
		if u := table[b] & 0x7fffffff; u >= 0x7f800000 {
			if u > 0x7f800000 {
				nan++
			} else {
				inf++
			}
		}
	}
	return nan, inf
}
