package lock

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/loraconv/loraconv/core/version"
)

// Limits of a lock file.
const (
	maxBytes    = 256 << 10
	maxProtocol = 1000
)

// Parse reads a lock file. name is what errors call it. Only the lexer of HCL
// is used: the grammar is a small part of the language, and HCL's own parser
// has no bound on nesting.
func Parse(b []byte, name string) (*File, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", name, len(b), maxBytes)
	}
	tokens, diags := hclsyntax.LexConfig(b, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s:%d: %s", name, diags[0].Subject.Start.Line, diags[0].Detail)
	}
	p := &parser{name: name, tokens: tokens}
	f := &File{Comment: []string{}}
	err := p.file(f)
	if err != nil {
		return nil, err
	}
	return f, nil
}

type parser struct {
	name   string
	tokens hclsyntax.Tokens
}

// errorf is an error at the next token.
func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.name, p.tokens[0].Range.Start.Line, fmt.Sprintf(format, args...))
}

func (p *parser) next() hclsyntax.Token {
	t := p.tokens[0]
	if len(p.tokens) > 1 { // the last is the end of the file
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) is(t hclsyntax.TokenType) bool { return p.tokens[0].Type == t }

// take wants a token of a type.
func (p *parser) take(t hclsyntax.TokenType, what string) (hclsyntax.Token, error) {
	if !p.is(t) {
		if p.is(hclsyntax.TokenComment) {
			return hclsyntax.Token{}, p.errorf("a comment stands here; it would be lost when the file is written, so comments stand at the top only")
		}
		return hclsyntax.Token{}, p.errorf("found %q, wanted %s", clip(string(p.tokens[0].Bytes)), what)
	}
	return p.next(), nil
}

func (p *parser) newlines() {
	for p.is(hclsyntax.TokenNewline) {
		p.next()
	}
}

func (p *parser) file(f *File) error {
	for p.is(hclsyntax.TokenComment) || p.is(hclsyntax.TokenNewline) {
		if t := p.next(); t.Type == hclsyntax.TokenComment {
			line := strings.TrimRight(string(t.Bytes), "\r\n")
			if !strings.HasPrefix(line, "#") {
				return fmt.Errorf("%s:%d: a comment here begins with #", p.name, t.Range.Start.Line)
			}
			f.Comment = append(f.Comment, line)
		}
	}
	for !p.is(hclsyntax.TokenEOF) {
		line := p.tokens[0].Range.Start.Line
		e, err := p.plugin()
		if err != nil {
			return err
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("%s:%d: %w", p.name, line, err)
		}
		if f.Find(e.Source) != nil {
			return fmt.Errorf("%s:%d: plugin %q stands twice", p.name, line, e.Source)
		}
		f.Plugins = append(f.Plugins, *e)
		p.newlines()
	}
	f.sort()
	return nil
}

// plugin reads one block.
func (p *parser) plugin() (*Plugin, error) {
	t, err := p.take(hclsyntax.TokenIdent, "a block plugin \"SOURCE\" { … }")
	if err != nil {
		return nil, err
	}
	if string(t.Bytes) != "plugin" {
		return nil, fmt.Errorf("%s:%d: found a block %q, wanted plugin", p.name, t.Range.Start.Line, clip(string(t.Bytes)))
	}
	e := &Plugin{}
	if e.Source, err = p.text("the plugin's source in quotes"); err != nil {
		return nil, err
	}
	err = p.body(func(name string) error {
		switch name {
		case "version":
			s, err := p.text("a version in quotes")
			if err != nil {
				return err
			}
			e.Version, err = version.Parse(s)
			return err
		case "constraints":
			e.Constraints, err = p.text("constraints in quotes")
			return err
		case "protocol":
			t, err := p.take(hclsyntax.TokenNumberLit, "a number")
			if err != nil {
				return err
			}
			e.Protocol, err = strconv.Atoi(string(t.Bytes))
			return err
		case "sha256":
			e.SHA256 = map[string]string{}
			return p.body(func(platform string) error {
				e.SHA256[platform], err = p.text("a digest in quotes")
				return err
			})
		}
		return fmt.Errorf("found the argument %q, wanted version, constraints, protocol or sha256", clip(name))
	})
	return e, err
}

// body reads { NAME = value … }, each on a line of its own and none twice.
// value reads what follows the sign.
func (p *parser) body(value func(name string) error) error {
	if _, err := p.take(hclsyntax.TokenOBrace, "{"); err != nil {
		return err
	}
	if _, err := p.take(hclsyntax.TokenNewline, "the end of the line"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.newlines(); !p.is(hclsyntax.TokenCBrace); p.newlines() {
		t, err := p.take(hclsyntax.TokenIdent, "a name or }")
		if err != nil {
			return err
		}
		name := string(t.Bytes)
		if seen[name] {
			return fmt.Errorf("%s:%d: %q stands twice", p.name, t.Range.Start.Line, clip(name))
		}
		seen[name] = true
		if _, err := p.take(hclsyntax.TokenEqual, "="); err != nil {
			return err
		}
		if err := value(name); err != nil {
			return p.located(t, err)
		}
		if _, err := p.take(hclsyntax.TokenNewline, "the end of the line"); err != nil {
			return err
		}
	}
	p.next()
	return nil
}

// located adds the line of t to an error that has none.
func (p *parser) located(t hclsyntax.Token, err error) error {
	if strings.HasPrefix(err.Error(), p.name+":") {
		return err
	}
	return fmt.Errorf("%s:%d: %w", p.name, t.Range.Start.Line, err)
}

// text reads a string without escapes and templates.
func (p *parser) text(what string) (string, error) {
	if _, err := p.take(hclsyntax.TokenOQuote, what); err != nil {
		return "", err
	}
	s := ""
	for p.is(hclsyntax.TokenQuotedLit) {
		s += string(p.next().Bytes)
	}
	if strings.ContainsAny(s, "\\$%") {
		return "", p.errorf("%q holds an escape or a template, which nothing here needs", clip(s))
	}
	_, err := p.take(hclsyntax.TokenCQuote, what)
	return s, err
}
