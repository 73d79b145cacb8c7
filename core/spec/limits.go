package spec

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits on the text of a spec. The HCL parsers are recursive and know none:
// v2.25.0 overflows its stack at some 50,000 brackets, which ends the process
// (hashicorp/hcl#809). So every text is scanned by the lexer, which is not
// recursive, before a parser sees it.
const (
	maxBytes   = 1 << 20 // of one file
	maxTokens  = 150_000 // of one file: a token takes 100 bytes, and twice
	maxNesting = 64      // of ( [ { "${ %{ and heredocs
	maxPrefix  = 8       // of ! and - in a row
	maxTernary = 64      // ? in one item
	maxChain   = 512     // operators, dots and indices in one item
	maxFor     = 2       // for within for
	maxNumber  = 64      // characters of a number
	maxPieces  = 4096    // of text or interpolation in one template
	// maxJoining bounds the bytes that the parser copies to join the pieces of
	// one text: it appends piece by piece, which is quadratic, and the lexer cuts
	// a text at each % and at each line.
	maxJoining = 32 << 20
)

// limit is a fault of the scan.
type limit struct {
	at   hcl.Range
	code string
	text string
}

// summary names the kind of the fault; what is the text that was scanned.
func (l *limit) summary(what string) string {
	switch l.code {
	case codeSyntax:
		return what + " has a byte that is none of text"
	case codeTooLarge:
		return what + " is too large"
	}
	return what + " nests too deep"
}

// lexer is one of hclsyntax.LexConfig, LexExpression and LexTemplate.
type lexer func(src []byte, filename string, start hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)

// scan judges a text before it is parsed. It returns nil when the text is
// safe to parse.
func scan(src []byte, filename string, start hcl.Pos, lex lexer) *limit {
	if l := scanText(src, hcl.Range{Filename: filename, Start: start, End: start}); l != nil {
		return l
	}
	tokens, _ := lex(src, filename, start) // its faults come again from the parser
	return scanTokens(tokens)
}

// scanText judges what needs no lexer. Faults of the whole text are reported at
// whole, which starts where the text does.
func scanText(src []byte, whole hcl.Range) *limit {
	if len(src) > maxBytes {
		return &limit{whole, codeTooLarge, sizeText(len(src))}
	}
	if i := firstInvalid(src); i >= 0 {
		return &limit{rangeOf(src, i, whole), codeSyntax, notText(i)}
	}
	if roughTokens(src) > maxTokens {
		return &limit{whole, codeTooLarge, manyTokens}
	}
	return nil
}

const manyTokens = "It has more than 150000 words and signs. Values that many belong in files of their own."

func sizeText(n int) string {
	return "It has " + itoa(int64(n)) + " bytes; at most " + itoa(maxBytes) + " are read. Values that large belong in files of their own."
}

func notText(at int) string {
	return "Byte " + itoa(int64(at)) + " is a control character or begins no UTF-8 character. A spec is text in UTF-8."
}

// rangeOf is the place of the byte at an offset, given that of the first.
func rangeOf(src []byte, at int, first hcl.Range) hcl.Range {
	p := first.Start
	p.Byte += at
	if n := bytes.Count(src[:at], []byte("\n")); n > 0 {
		p.Line, p.Column = p.Line+n, 1
	}
	p.Column += utf8.RuneCount(src[bytes.LastIndexByte(src[:at], '\n')+1 : at])
	end := p
	end.Byte, end.Column = end.Byte+1, end.Column+1
	return hcl.Range{Filename: first.Filename, Start: p, End: end}
}

// firstInvalid is the offset of the first byte that is no part of a text in
// UTF-8, or -1.
func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n < 2 || r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return i
		}
		i += n
	}
	return -1
}

// roughTokens bounds the number of tokens from above, without memory.
func roughTokens(src []byte) int {
	n, word := 0, false
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		i += size
		switch {
		case r == ' ' || r == '\t' || r == '\r':
			word = false
		case r == '_' || r == '-' && word || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if !word {
				n++
			}
			word = true
		default:
			word = false
			n++
		}
	}
	return n
}

// numberTooLong refuses numbers whose decimal form would be long.
func numberTooLong(b []byte) string {
	if len(b) > maxNumber {
		return "A number here has more than 64 characters."
	}
	if i := bytes.IndexAny(b, "eE"); i >= 0 && len(strings.TrimLeft(string(b[i+1:]), "+-0")) > 3 {
		return "A number here has an exponent of more than three digits."
	}
	return ""
}
