package session

import (
	"errors"

	"github.com/loraconv/loraconv/core/diag"
)

// findDiagnostic returns the first error diagnostic inside err, or nil.
func findDiagnostic(err error) *diag.Diagnostic {
	var list diag.List
	if errors.As(err, &list) {
		for _, d := range list {
			if d.Severity == diag.Error {
				return d
			}
		}
	}
	var d *diag.Diagnostic
	if errors.As(err, &d) {
		return d
	}
	return nil
}

// Collect puts every diagnostic inside err into ds; an error that holds none
// becomes one.
func Collect(err error, ds *diag.List) {
	if err == nil {
		return
	}
	found := false
	var walk func(error)
	walk = func(e error) {
		switch x := e.(type) { //nolint:errorlint // it unwraps as it goes, branches too
		case diag.List:
			ds.Append(x)
			found = found || len(x) > 0
			return
		case *diag.Diagnostic:
			ds.Add(x)
			found = true
			return
		case interface{ Unwrap() []error }:
			for _, inner := range x.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(x.Unwrap())
		}
	}
	walk(err)
	if !found {
		ds.Add(diag.New(diag.Other, "failed", "The conversion failed", "%v", err))
	}
}

// asDiagnostic wraps an error that is not one.
func asDiagnostic(err error, c diag.Class) *diag.Diagnostic {
	if d := findDiagnostic(err); d != nil {
		return d
	}
	return diag.New(c, "failed", "A step failed", "%v", err)
}
