package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
)

// GitHub shows findings as workflow commands, which GitHub Actions turns into
// annotations of the lines that they are about:
//
//	::error file=robot.hcl,line=3,endLine=3,col=12,endColumn=34,title=unknown-source::Unknown source: …
//
// github.com/actions/toolkit, packages/core/src/command.ts, says what must be
// escaped: %, CR and LF everywhere, and in properties : and , too.
type GitHub struct {
	w   io.Writer
	err error
}

// NewGitHub writes annotations to w.
func NewGitHub(w io.Writer) *GitHub { return &GitHub{w: w} }

var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// Checked writes one annotation for each diagnostic.
func (g *GitHub) Checked(c Checked) {
	for _, d := range c.Diagnostics {
		place := ",line=1" // GitHub shows nothing on a file without a line
		if r := d.Range; r != nil {
			place = fmt.Sprintf(",line=%d,endLine=%d", r.Start.Line, r.End.Line)
			if r.Start.Line == r.End.Line { // columns are of one line alone
				from, to := c.File.CodePoints(*r)
				place += fmt.Sprintf(",col=%d,endColumn=%d", from, to)
			}
		}
		g.printf("::%s file=%s%s,title=%s::%s\n", level(d), escapeProperty.Replace(Printable(c.file(d))), place, escapeProperty.Replace(d.Code), escapeData.Replace(message(d)))
	}
}

// Close writes the numbers, as a plain line of the log.
func (g *GitHub) Close(t Tally) error {
	g.printf("%s, %d not valid; %s, %s\n", Count(t.Specs, "spec"), t.Invalid, Count(t.Errors, "error"), Count(t.Warnings, "warning"))
	return g.err
}

func (g *GitHub) printf(format string, args ...any) {
	if g.err == nil {
		_, g.err = fmt.Fprintf(g.w, format, args...)
	}
}

// level is the word for a severity that SARIF and GitHub share.
func level(d *diag.Diagnostic) string {
	if d.Severity == diag.Warning {
		return "warning"
	}
	return "error"
}
