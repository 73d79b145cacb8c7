package glob

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxPattern is the length in bytes of the longest pattern accepted.
const MaxPattern = 1024

// maxStars bounds the wildcards of a pattern.
const maxStars = 64

// Pattern is a compiled pattern. It is safe for use by several goroutines.
type Pattern struct {
	text    string
	re      *regexp.Regexp
	literal int // bytes that stand for themselves
	deep    int // number of **
	stars   int // number of *
}

// Compile returns the pattern of a text, for names joined by sep. The error
// says what is wrong with the text: empty, too long, not UTF-8, or "***".
func Compile(pattern string, sep byte) (*Pattern, error) {
	switch {
	case pattern == "":
		return nil, fmt.Errorf("pattern is empty")
	case len(pattern) > MaxPattern:
		return nil, fmt.Errorf("pattern has %d bytes, more than %d", len(pattern), MaxPattern)
	case !utf8.ValidString(pattern):
		return nil, fmt.Errorf("pattern %q is not valid UTF-8", pattern)
	case strings.Contains(pattern, "***"):
		return nil, fmt.Errorf("pattern %q has \"***\": write \"*\" or \"**\"", pattern)
	case strings.Count(pattern, "*") > maxStars:
		return nil, fmt.Errorf("pattern %q has more than %d wildcards", pattern, maxStars)
	}
	p := &Pattern{text: pattern}
	s := string(sep)
	within, lit := "[^"+regexp.QuoteMeta(s)+"]*", regexp.QuoteMeta(s)
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		atStart := i == 0 || pattern[i-1] == sep
		switch {
		case atStart && strings.HasPrefix(rest, "**"+s):
			b.WriteString("(?:.*" + lit + ")?")
			p.deep++
			i += 3
		case atStart && i > 0 && rest == "**":
			b.WriteString(".+")
			p.deep++
			i += 2
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			p.deep++
			i += 2
		case rest[0] == '*':
			b.WriteString(within)
			p.stars++
			i++
		default:
			n := strings.IndexByte(rest, '*')
			if n < 0 {
				n = len(rest)
			}
			b.WriteString(regexp.QuoteMeta(rest[:n]))
			p.literal += n
			i += n
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	p.re = re
	return p, nil
}

// String returns the text that the pattern was compiled from.
func (p *Pattern) String() string { return p.text }

// Match reports whether the whole name matches.
func (p *Pattern) Match(name string) bool {
	if p.deep+p.stars == 0 {
		return p.text == name
	}
	return p.re.MatchString(name)
}

// Literal reports whether the pattern holds no wildcard, so that it can match
// one name only.
func (p *Pattern) Literal() bool { return p.deep+p.stars == 0 }

// Compare orders patterns by how specific they are: negative when p is more
// specific than q. A pattern without wildcards comes first; then more bytes
// that stand for themselves, then fewer "**", then fewer "*". Zero means that
// neither is more specific, which a caller that must choose reports.
func (p *Pattern) Compare(q *Pattern) int {
	if a, b := p.Literal(), q.Literal(); a != b {
		if a {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(q.literal, p.literal), cmp.Compare(p.deep, q.deep), cmp.Compare(p.stars, q.stars))
}

// List is a list of patterns of which one is enough.
type List []*Pattern

// CompileList compiles each pattern of a list. It stops at the first error,
// which names the pattern.
func CompileList(patterns []string, sep byte) (List, error) {
	var out List
	for _, s := range patterns {
		p, err := Compile(s, sep)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Match returns the first pattern that the whole name matches, or nil.
func (l List) Match(name string) *Pattern {
	for _, p := range l {
		if p.Match(name) {
			return p
		}
	}
	return nil
}
