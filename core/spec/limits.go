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
	whole := hcl.Range{Filename: filename, Start: start, End: start}
	if len(src) > maxBytes {
		return &limit{whole, codeTooLarge, sizeText(len(src))}
	}
	if i := firstInvalid(src); i >= 0 {
		return &limit{rangeOf(src, i, whole), codeSyntax, notText(i)}
	}
	if roughTokens(src) > maxTokens {
		return &limit{whole, codeTooLarge, manyTokens}
	}
	tokens, _ := lex(src, filename, start) // its faults come again from the parser
	return scanTokens(tokens)
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

// frame is one open bracket.
type frame struct {
	closer   hclsyntax.TokenType
	chain    int // since the last separator
	ternary  int
	controls int // open %{if} and %{for} directly in it
	pieces   int // interpolations in it
	text     int // bytes of text in it since the last interpolation
	joining  int // bytes copied to join them
}

var closers = map[hclsyntax.TokenType]hclsyntax.TokenType{
	hclsyntax.TokenOParen:          hclsyntax.TokenCParen,
	hclsyntax.TokenOBrack:          hclsyntax.TokenCBrack,
	hclsyntax.TokenOBrace:          hclsyntax.TokenCBrace,
	hclsyntax.TokenOQuote:          hclsyntax.TokenCQuote,
	hclsyntax.TokenOHeredoc:        hclsyntax.TokenCHeredoc,
	hclsyntax.TokenTemplateInterp:  hclsyntax.TokenTemplateSeqEnd,
	hclsyntax.TokenTemplateControl: hclsyntax.TokenTemplateSeqEnd,
}

func scanTokens(tokens hclsyntax.Tokens) *limit {
	stack := []frame{{}}
	controls, prefix := 0, 0
	for i, t := range tokens {
		top := &stack[len(stack)-1]
		if t.Type == hclsyntax.TokenBang || t.Type == hclsyntax.TokenMinus {
			if prefix++; prefix > maxPrefix {
				return &limit{t.Range, codeTooDeep, "More than 8 signs ! or - stand in a row."}
			}
		} else {
			prefix = 0
		}
		switch t.Type {
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			top.text = 0
			if top.pieces++; top.pieces > maxPieces {
				return &limit{t.Range, codeTooLarge, "More than 4096 interpolations stand in one text."}
			}
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			top.text += len(t.Bytes)
			if top.joining += top.text; top.joining > maxJoining {
				return &limit{t.Range, codeTooLarge, "A text here is too large. Texts that large belong in files of their own."}
			}
		}
		switch t.Type {
		case hclsyntax.TokenTemplateControl:
			switch n := controlWord(tokens[i+1:]); n {
			case "if", "for":
				top.controls++
				controls++
			case "endif", "endfor":
				if top.controls > 0 {
					top.controls--
					controls--
				}
			}
		case hclsyntax.TokenComma:
			top.chain, top.ternary = 0, 0
		case hclsyntax.TokenNewline:
			if top.closer == 0 || top.closer == hclsyntax.TokenCBrace {
				top.chain, top.ternary = 0, 0
			}
		case hclsyntax.TokenQuestion:
			if top.ternary++; top.ternary > maxTernary {
				return &limit{t.Range, codeTooDeep, "More than 64 conditions are chained in one expression."}
			}
		case hclsyntax.TokenNumberLit:
			if text := numberTooLong(t.Bytes); text != "" {
				return &limit{t.Range, codeTooLarge, text}
			}
		}
		if chains(t.Type) {
			if top.chain++; top.chain > maxChain {
				return &limit{t.Range, codeTooDeep, "More than 512 operators, dots or indices are chained in one expression."}
			}
		}
		if c, opens := closers[t.Type]; opens {
			stack = append(stack, frame{closer: c})
		} else if len(stack) > 1 && t.Type == top.closer {
			controls -= top.controls
			stack = stack[:len(stack)-1]
		}
		if len(stack)-1+controls > maxNesting {
			return &limit{t.Range, codeTooDeep, "Brackets, blocks and templates nest more than 64 deep here."}
		}
	}
	return nil
}

func controlWord(after hclsyntax.Tokens) string {
	for _, t := range after {
		switch t.Type {
		case hclsyntax.TokenIdent:
			return string(t.Bytes)
		case hclsyntax.TokenNewline, hclsyntax.TokenComment:
			continue
		}
		break
	}
	return ""
}

func chains(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenBang, hclsyntax.TokenDot, hclsyntax.TokenQuestion, hclsyntax.TokenOBrack, hclsyntax.TokenOParen:
		return true
	}
	return false
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
	if len(src) > maxBytes {
		return &limit{here(), codeTooLarge, sizeText(len(src))}
	}
	if i := firstInvalid(src); i >= 0 {
		return &limit{rangeOf(src, i, here()), codeSyntax, notText(i)}
	}
	if roughTokens(src) > maxTokens {
		return &limit{here(), codeTooLarge, manyTokens}
	}
	var open []byte // closers that are awaited
	inString := false
	for i := 0; i < len(src); i++ {
		b := src[i]
		switch {
		case inString:
			switch b {
			case '\\':
				i++
				pos.Byte++
				pos.Column++
			case '"':
				inString = false
			}
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
			j := i
			for j < len(src) && (src[j] >= '0' && src[j] <= '9' || bytes.IndexByte([]byte("+-.eE"), src[j]) >= 0) {
				j++
			}
			if text := numberTooLong(src[i:j]); text != "" {
				return &limit{here(), codeTooLarge, text}
			}
			pos.Byte += j - i - 1
			pos.Column += j - i - 1
			i = j - 1
		}
		pos.Byte++
		pos.Column++
		if b == '\n' {
			pos.Line++
			pos.Column = 1
		}
	}
	return nil
}
