// Package diag holds what loraconv tells a user about a fault: one Diagnostic
// for each, collected and reported together. It does not know HCL; a place in
// a spec is a path that core/spec turns into a file and a line.
package diag

import (
	"fmt"
	"sort"
	"strings"
)

// Severity says whether a conversion may go on.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Class is the kind of a fault; each has an exit code of its own, which is a
// contract with the people who call loraconv from scripts.
type Class uint8

// The classes.
const (
	Other     Class = iota // no other class names it
	Keys                   // key accounting: unexpected, missing, unpaired, duplicate, or disagreeing
	Source                 // a source is absent, unreadable, corrupt, unfinished or holds refused values
	Changed                // a source changed during the run
	Plugin                 // a plugin or worker failed, lied, hung or died
	Output                 // the output could not be written
	Unsynced               // published, durability not confirmed
	Exists                 // the output exists or is locked
	Measured               // a measurement failed
	Usage                  // usage, or a spec that is invalid, says too little, or contradicts the checkpoint
	Interrupt              // SIGINT
	Terminate              // SIGTERM
)

var exitCodes = [...]int{Other: 1, Keys: 3, Source: 4, Changed: 5, Plugin: 6, Output: 7, Unsynced: 8, Exists: 9, Measured: 10, Usage: 64, Interrupt: 130, Terminate: 143}

// ExitCode returns the process exit code of the class.
func (c Class) ExitCode() int {
	if int(c) < len(exitCodes) {
		return exitCodes[c]
	}
	return 1
}

// Diagnostic is one fault or remark. Summary names its kind; Detail names the
// thing, what was found and wanted, and the next step.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Class    Class    `json:"class"`
	Code     string   `json:"code"` // stable, such as "unpaired-lora"
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Path     []string `json:"path,omitempty"`   // attribute path within the spec, e.g. source, ft, lora, alpha
	Range    *Range   `json:"range,omitempty"`  // where in a spec, once that is known
	Tensor   string   `json:"tensor,omitempty"` // source parameter or target tensor
	Rule     string   `json:"rule,omitempty"`
}

// Error makes a Diagnostic usable as a Go error.
func (d *Diagnostic) Error() string {
	if d.Detail == "" {
		return d.Summary
	}
	return d.Summary + ": " + d.Detail
}

// List collects diagnostics. It is an error when it holds one of Severity
// Error; use Err to ask.
type List []*Diagnostic

// Add appends d, unless the list holds the same text for the same place.
func (l *List) Add(d *Diagnostic) {
	if d == nil {
		return
	}
	for _, e := range *l {
		if e.Severity == d.Severity && e.Code == d.Code && e.Tensor == d.Tensor && e.Summary == d.Summary && e.Detail == d.Detail && samePlace(e.Range, d.Range) {
			return
		}
	}
	*l = append(*l, d)
}

// Append adds each of ds.
func (l *List) Append(ds List) {
	for _, d := range ds {
		l.Add(d)
	}
}

// Errorf adds an error of the given class and code.
func (l *List) Errorf(c Class, code, summary, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Severity: Error, Class: c, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	l.Add(d)
	return d
}

// Warnf adds a warning.
func (l *List) Warnf(code, summary, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Severity: Warning, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	l.Add(d)
	return d
}

// HasErrors reports whether any diagnostic is an error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Err returns l as an error when it holds one, else nil.
func (l List) Err() error {
	if l.HasErrors() {
		return l
	}
	return nil
}

// Class returns the class of the first error.
func (l List) Class() Class {
	for _, d := range l {
		if d.Severity == Error {
			return d.Class
		}
	}
	return Other
}

// Error joins the errors of the list, one a line.
func (l List) Error() string {
	var s []string
	for _, d := range l {
		if d.Severity == Error {
			s = append(s, d.Error())
		}
	}
	return strings.Join(s, "\n")
}

// Unwrap lets errors.As reach each diagnostic.
func (l List) Unwrap() []error {
	out := make([]error, len(l))
	for i, d := range l {
		out[i] = d
	}
	return out
}

// Sort orders the list by severity, code and tensor, so that output does not
// depend on the order in which faults were met.
func (l List) Sort() {
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i], l[j]
		if a.Severity != b.Severity {
			return a.Severity < b.Severity
		}
		if a.Class != b.Class {
			return a.Class < b.Class
		}
		if a.Code != b.Code {
			return a.Code < b.Code
		}
		return a.Tensor < b.Tensor
	})
}

// New returns a single error diagnostic.
func New(c Class, code, summary, format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: Error, Class: c, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}
