package spec

import (
	"cmp"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

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

// nesting is what is open at one token of a text.
type nesting struct {
	stack    []frame // the text itself, and the brackets within it
	controls int     // open %{if} and %{for} in all of them
	signs    int     // ! and - in a row
}

// scanTokens judges a text by its tokens, without recursion.
func scanTokens(tokens hclsyntax.Tokens) *limit {
	n := nesting{stack: []frame{{}}}
	for i, t := range tokens {
		top := n.top()
		if l := cmp.Or(n.sign(t), top.piece(t), top.item(t)); l != nil {
			return l
		}
		if t.Type == hclsyntax.TokenTemplateControl {
			n.control(controlWord(tokens[i+1:]))
		}
		if l := n.bracket(t); l != nil {
			return l
		}
	}
	return nil
}

func (n *nesting) top() *frame { return &n.stack[len(n.stack)-1] }

// sign counts prefixes that stand before one another.
func (n *nesting) sign(t hclsyntax.Token) *limit {
	if t.Type != hclsyntax.TokenBang && t.Type != hclsyntax.TokenMinus {
		n.signs = 0
	} else if n.signs++; n.signs > maxPrefix {
		return &limit{t.Range, codeTooDeep, "More than 8 signs ! or - stand in a row."}
	}
	return nil
}

// control opens or closes a part of a template, within the text that it is in.
func (n *nesting) control(word string) {
	switch top := n.top(); word {
	case "if", "for":
		top.controls++
		n.controls++
	case "endif", "endfor":
		if top.controls > 0 {
			top.controls--
			n.controls--
		}
	}
}

// bracket opens and closes frames.
func (n *nesting) bracket(t hclsyntax.Token) *limit {
	top := n.top()
	if c, opens := closers[t.Type]; opens {
		n.stack = append(n.stack, frame{closer: c})
	} else if len(n.stack) > 1 && t.Type == top.closer {
		n.controls -= top.controls
		n.stack = n.stack[:len(n.stack)-1]
	}
	if len(n.stack)-1+n.controls > maxNesting {
		return &limit{t.Range, codeTooDeep, "Brackets, blocks and templates nest more than 64 deep here."}
	}
	return nil
}

// piece counts what a template is made of.
func (f *frame) piece(t hclsyntax.Token) *limit {
	switch t.Type {
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		f.text = 0
		if f.pieces++; f.pieces > maxPieces {
			return &limit{t.Range, codeTooLarge, "More than 4096 interpolations stand in one text."}
		}
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
		f.text += len(t.Bytes)
		if f.joining += f.text; f.joining > maxJoining {
			return &limit{t.Range, codeTooLarge, "A text here is too large. Texts that large belong in files of their own."}
		}
	}
	return nil
}

// item counts what is chained between two separators.
func (f *frame) item(t hclsyntax.Token) *limit {
	switch t.Type {
	case hclsyntax.TokenComma:
		f.chain, f.ternary = 0, 0
	case hclsyntax.TokenNewline:
		if f.closer == 0 || f.closer == hclsyntax.TokenCBrace {
			f.chain, f.ternary = 0, 0
		}
	case hclsyntax.TokenQuestion:
		if f.ternary++; f.ternary > maxTernary {
			return &limit{t.Range, codeTooDeep, "More than 64 conditions are chained in one expression."}
		}
	case hclsyntax.TokenNumberLit:
		if text := numberTooLong(t.Bytes); text != "" {
			return &limit{t.Range, codeTooLarge, text}
		}
	}
	if chains(t.Type) {
		if f.chain++; f.chain > maxChain {
			return &limit{t.Range, codeTooDeep, "More than 512 operators, dots or indices are chained in one expression."}
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
