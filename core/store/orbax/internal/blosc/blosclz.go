package blosc

import "errors"

var errBloscLZ = errors.New("malformed blosclz stream")

// blosclz decodes a stream of c-blosc's own codec (blosc/blosclz.c), a relative
// of FastLZ, and returns how much of dst it fills. A stream is made of
//
//	000nnnnn            n+1 literal bytes follow
//	lllooooo [b...] c   copy l+2 bytes (l = 7: plus the sum of the bytes b, of
//	                    which all but the last are 255) from o*256+c+1 back;
//	                    where o = 31 and c = 255, two more bytes follow, which
//	                    are a distance beyond 8191
//
// and of its first byte only the lower five bits count.
func blosclz(dst, src []byte) (int, error) {
	const far = 8191
	if len(src) == 0 {
		return 0, errBloscLZ
	}
	ctrl := int(src[0]) & 31
	in, out := 1, 0
	for {
		if ctrl < 32 {
			n := ctrl + 1
			if n > len(src)-in || n > len(dst)-out {
				return 0, errBloscLZ
			}
			copy(dst[out:], src[in:in+n])
			in, out = in+n, out+n
		} else {
			n, distance := ctrl>>5-1, ctrl&31<<8
			for more := n == 6; more; {
				if in >= len(src) {
					return 0, errBloscLZ
				}
				n += int(src[in])
				more = src[in] == 255
				if in++; n > len(dst) {
					return 0, errBloscLZ
				}
			}
			if in >= len(src) {
				return 0, errBloscLZ
			}
			code := int(src[in])
			in++
			n += 3
			if code == 255 && distance == 31<<8 {
				if len(src)-in < 2 {
					return 0, errBloscLZ
				}
				distance = int(src[in])<<8 + int(src[in+1]) + far
				in += 2
			} else {
				distance += code
			}
			if distance++; distance > out || n > len(dst)-out {
				return 0, errBloscLZ
			}
			for i := range n { // may overlap itself
				dst[out+i] = dst[out-distance+i]
			}
			out += n
		}
		if in == len(src) {
			return out, nil
		}
		ctrl = int(src[in])
		in++
	}
}
