package spec

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
)

// scanJSON judges a JSON text before it is parsed. Templates within its
// strings are scanned when they are parsed (json.go).
func scanJSON(src []byte, filename string) *limit {
	pos := hcl.InitialPos
	here := func() hcl.Range {
		end := pos
		end.Byte++
		end.Column++
		return hcl.Range{Filename: filename, Start: pos, End: end}
	}
	if l := scanText(src, here()); l != nil {
		return l
	}
	var open []byte // closers that are awaited
	inString := false
	for pos.Byte < len(src) {
		b, taken := src[pos.Byte], 1
		switch {
		case inString && b == '\\':
			taken = 2
		case inString:
			inString = b != '"'
		case b == '"':
			inString = true
		case b == '{' || b == '[':
			if open = append(open, b+2); len(open) > maxNesting { // in ASCII, } and ] are two after { and [
				return &limit{here(), codeTooDeep, "Objects and arrays nest more than 64 deep here."}
			}
		case b == '}' || b == ']':
			if n := len(open); n > 0 && open[n-1] == b {
				open = open[:n-1]
			}
		case b == '-' || b >= '0' && b <= '9':
			number := numberAt(src[pos.Byte:])
			if text := numberTooLong(number); text != "" {
				return &limit{here(), codeTooLarge, text}
			}
			taken = len(number)
		}
		pos.Byte += taken
		pos.Column += taken
		if b == '\n' {
			pos.Line++
			pos.Column = 1
		}
	}
	return nil
}

// numberAt is what can belong to a number at the beginning of a text.
func numberAt(src []byte) []byte {
	n := 0
	for n < len(src) && (src[n] >= '0' && src[n] <= '9' || bytes.IndexByte([]byte("+-.eE"), src[n]) >= 0) {
		n++
	}
	return src[:n]
}
