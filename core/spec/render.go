package spec

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/loraconv/loraconv/core/diag"
)

// RenderOptions says how diagnostics are printed.
type RenderOptions struct {
	Color bool // with ANSI escapes
	Width int  // columns; 0: lines are not broken
}

// Render prints diagnostics for a reader: what is wrong, where in the spec
// with the line itself, and the detail.
//
//	Error: Unknown source (unknown-source)
//	  on robot.hcl:3:12, in conversion "robot":
//	    3 |   source = source.openpi.finetun
//	      |            ^^^^^^^^^^^^^^^^^^^^^
//	  The spec declares no source "openpi" "finetun". Did you mean …?
//
// Control characters are shown as escapes, and lines that hold the value of a
// sensitive variable are not shown.
func (f *File) Render(w io.Writer, list diag.List, o RenderOptions) error {
	var b strings.Builder
	for i, d := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		f.render(&b, d, o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const (
	red, yellow, bold, reset = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"
)

func paint(o RenderOptions, codes, s string) string {
	if !o.Color {
		return s
	}
	return codes + s + reset
}

func (f *File) render(b *strings.Builder, d *diag.Diagnostic, o RenderOptions) {
	word, color := "Error", red
	if d.Severity == diag.Warning {
		word, color = "Warning", yellow
	}
	fmt.Fprintf(b, "%s: %s (%s)\n", paint(o, bold+color, word), paint(o, bold, printable(d.Summary)), d.Code)
	if d.Range != nil {
		f.snippet(b, *d.Range, color, o)
	}
	if d.Tensor != "" {
		fmt.Fprintf(b, "  tensor %q\n", d.Tensor)
	}
	if d.Rule != "" {
		fmt.Fprintf(b, "  rule %q\n", d.Rule)
	}
	if d.Detail != "" {
		for _, line := range strings.Split(strings.TrimRight(d.Detail, "\n"), "\n") {
			b.WriteString(breakLine(printable(line), o.Width))
		}
	}
}

// snippet prints the place, the first of its lines, and a line below it that
// points at it.
func (f *File) snippet(b *strings.Builder, r diag.Range, color string, o RenderOptions) {
	line, hidden := "", true
	if src := f.l.texts[r.File]; src != nil && !f.hides(r) {
		line, hidden = lineAt(src, r.Start.Byte)
	}
	context := ""
	if c := f.Context(r); c != "" {
		context = ", in " + printable(c)
	}
	end := "\n"
	if !hidden {
		end = ":\n"
	}
	fmt.Fprintf(b, "  on %s%s%s", printable(r.String()), context, end)
	if hidden {
		return
	}
	before, under := r.Start.Column-1, r.End.Column-r.Start.Column
	if r.End.Line != r.Start.Line {
		under = len([]rune(line)) - before
	}
	shown, before, under := window([]rune(line), before, under, o.Width-len("  1234 | "))
	number := fmt.Sprint(r.Start.Line)
	gutter := strings.Repeat(" ", max(5, len(number)+2))
	fmt.Fprintf(b, "%*s | %s\n", len(gutter), number, printable(string(shown)))
	fmt.Fprintf(b, "%s | %s%s\n", gutter, strings.Repeat(" ", before), paint(o, color, strings.Repeat("^", max(1, under))))
}

// lineAt returns the line that holds a byte, with tabs as one space.
func lineAt(src []byte, at int) (line string, missing bool) {
	if at < 0 || at > len(src) {
		return "", true
	}
	text := string(src)
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	end := strings.IndexByte(text[at:], '\n')
	if end < 0 {
		end = len(text) - at
	}
	line = strings.TrimRight(text[begin:at+end], "\r")
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, line), false
}

// window cuts a long line so that what is pointed at stays in sight.
func window(line []rune, before, under, width int) ([]rune, int, int) {
	if width < 40 {
		width = 120
	}
	before = min(max(before, 0), len(line))
	under = min(max(under, 1), max(1, len(line)-before))
	if len(line) <= width {
		return line, before, under
	}
	first := max(0, min(before-10, len(line)-width))
	last := min(len(line), first+width)
	shown := append([]rune(nil), line[first:last]...)
	if first > 0 {
		shown[0] = '…'
	}
	if last < len(line) {
		shown[len(shown)-1] = '…'
	}
	before -= first
	return shown, before, min(under, len(shown)-before)
}

// hides reports whether a place overlaps the value of a sensitive variable.
func (f *File) hides(r diag.Range) bool {
	for _, h := range f.l.hidden {
		if h.Filename == r.File && r.Start.Line <= h.End.Line && r.End.Line >= h.Start.Line {
			return true
		}
	}
	return false
}

// Context names the blocks that a place is in, from the outermost, such as
// conversion "robot", rule "late". It is "" outside of all, and in JSON.
func (f *File) Context(r diag.Range) string {
	for _, file := range f.l.bodies {
		body, ok := file.Body.(*hclsyntax.Body)
		if !ok || body.SrcRange.Filename != r.File {
			continue
		}
		var names []string
	down:
		for _, b := range body.Blocks {
			if br := b.Range(); r.Start.Byte < br.Start.Byte || r.Start.Byte >= br.End.Byte {
				continue
			}
			names = append(names, header(&hcl.Block{Type: b.Type, Labels: b.Labels}))
			body = b.Body
			goto down
		}
		return strings.Join(names, ", ")
	}
	return ""
}

// printable shows control and other invisible characters as escapes, so that
// a name from a file cannot move the cursor.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// breakLine indents a line by two and breaks it at spaces before width.
func breakLine(line string, width int) string {
	var b strings.Builder
	col := 0
	for i, word := range strings.Split(line, " ") {
		n := len([]rune(word))
		switch {
		case i == 0:
			b.WriteString("  ")
			col = 2
		case width > 20 && col+1+n > width:
			b.WriteString("\n  ")
			col = 2
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	b.WriteByte('\n')
	return b.String()
}
