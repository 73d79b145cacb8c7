package view

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// Checked is what validate found in one spec.
type Checked struct {
	Spec        string // as it was named, or found
	File        *spec.File
	Diagnostics diag.List
}

// Tally counts over specs.
type Tally struct {
	Specs, Invalid   int
	Errors, Warnings int
}

// Findings is a form in which validate shows what it found: a file of this
// package for each.
type Findings interface {
	// Checked is called once for each spec.
	Checked(c Checked)
	// Close ends the document, and returns why it could not be written.
	Close(t Tally) error
}

// Count adds one spec.
func (t *Tally) Count(c Checked) {
	errors, warnings := counted(c.Diagnostics)
	t.Specs++
	if errors > 0 {
		t.Invalid++
	}
	t.Errors += errors
	t.Warnings += warnings
}

func counted(ds diag.List) (errors, warnings int) {
	for _, d := range ds {
		if d.Severity == diag.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Checked shows what is wrong with a spec.
func (t *Text) Checked(c Checked) { t.Diagnostics(c.File, c.Diagnostics) }

// Close says how many specs are valid.
func (t *Text) Close(n Tally) error {
	warnings := ""
	if n.Warnings > 0 {
		warnings = ", with " + Count(n.Warnings, "warning")
	}
	if n.Invalid > 0 {
		_, err := fmt.Fprintf(t.stderr, "%d of %s not valid: %s%s\n", n.Invalid, Count(n.Specs, "spec"), Count(n.Errors, "error"), warnings)
		return err
	}
	are := "are"
	if n.Specs == 1 {
		are = "is"
	}
	_, err := fmt.Fprintf(t.stdout, "%s %s valid%s\n", Count(n.Specs, "spec"), are, warnings)
	return err
}

// Checked tells what is wrong with a spec, one diagnostic an event, and then
// that it was checked.
func (e *Events) Checked(c Checked) {
	e.Diagnostics(c.File, c.Diagnostics)
	errors, warnings := counted(c.Diagnostics)
	e.emit(checkedEvent{"checked", c.Spec, errors == 0, errors, warnings})
}

// Close tells the numbers.
func (e *Events) Close(n Tally) error {
	e.emit(summaryEvent{"summary", n.Specs, n.Invalid, n.Errors, n.Warnings})
	return e.err
}

// file returns the file that a diagnostic is about, with slashes.
func (c *Checked) file(d *diag.Diagnostic) string {
	if d.Range != nil {
		return filepath.ToSlash(d.Range.File)
	}
	return filepath.ToSlash(c.Spec)
}

// message is a diagnostic as plain text, without its place.
func message(d *diag.Diagnostic) string {
	s := Printable(d.Summary)
	if d.Detail != "" {
		s += ": " + PrintableLines(strings.TrimRight(d.Detail, "\n"))
	}
	return s
}
