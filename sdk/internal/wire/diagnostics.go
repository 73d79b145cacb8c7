package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/diag"
)

// EncodeDiagnostics writes a list; an empty list gives no bytes.
func EncodeDiagnostics(ds diag.List) ([]byte, error) {
	if len(ds) == 0 {
		return nil, nil
	}
	return encode("list of diagnostics", ds, MaxDiagnostics)
}

// DecodeDiagnostics reads a list of the classes that its sender may use.
func DecodeDiagnostics(b []byte, allowed ...diag.Class) (diag.List, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var ds diag.List
	if err := decode("list of diagnostics", b, MaxDiagnostics, &ds); err != nil {
		return nil, err
	}
	if len(ds) > maxList {
		return nil, fmt.Errorf("list of diagnostics has %d entries, at most %d are read", len(ds), maxList)
	}
	for i, d := range ds {
		if d == nil {
			return nil, fmt.Errorf("diagnostic %d is null", i)
		}
		if err := checkDiagnostic(d, allowed); err != nil {
			return nil, fmt.Errorf("diagnostic %d: %w", i, err)
		}
	}
	return ds, nil
}

// converterClasses are the faults that a plugin can know of.
var converterClasses = []diag.Class{diag.Other, diag.Keys, diag.Source, diag.Plugin, diag.Usage}

func checkDiagnostic(d *diag.Diagnostic, allowed []diag.Class) error {
	if d.Severity != diag.Error && d.Severity != diag.Warning {
		return fmt.Errorf("severity %d is unknown", d.Severity)
	}
	ok := false
	for _, c := range allowed {
		ok = ok || c == d.Class
	}
	if !ok {
		return fmt.Errorf("class %d is not for its sender to use", d.Class)
	}
	if d.Code == "" || d.Summary == "" {
		return fmt.Errorf("code %q and summary %q must not be empty", d.Code, d.Summary)
	}
	if len(d.Path) > maxDepth {
		return fmt.Errorf("path has %d steps, at most %d are read", len(d.Path), maxDepth)
	}
	for _, s := range append([]*string{&d.Code, &d.Summary, &d.Detail, &d.Tensor, &d.Rule}, refs(d.Path)...) {
		if len(*s) > maxText {
			return fmt.Errorf("a text has %d bytes, at most %d are read", len(*s), maxText)
		}
		*s = Clean(*s)
	}
	if r := d.Range; r != nil {
		for _, p := range []diag.Pos{r.Start, r.End} {
			if p.Line < 0 || p.Column < 0 || p.Byte < 0 {
				return fmt.Errorf("range %v has a negative position", *r)
			}
		}
		r.File = Clean(r.File)
	}
	return nil
}

func refs(ss []string) []*string {
	out := make([]*string, len(ss))
	for i := range ss {
		out[i] = &ss[i]
	}
	return out
}

// text checks a text that is not for people but for programs: it must be
// valid UTF-8 and not too long.
func text(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s has %d bytes, at most %d are read", what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not valid UTF-8", what)
	}
	return nil
}
