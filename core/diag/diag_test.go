package diag

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The exit codes are a contract: they are written out here a second time.
func TestExitCodes(t *testing.T) {
	want := map[Class]int{Other: 1, Keys: 3, Source: 4, Changed: 5, Plugin: 6, Output: 7, Unsynced: 8, Exists: 9, Measured: 10, Usage: 64, Interrupt: 130, Terminate: 143, Class(200): 1}
	for c, code := range want {
		if got := c.ExitCode(); got != code {
			t.Errorf("class %d exits with %d, wanted %d", c, got, code)
		}
	}
	for c := range Class(255) {
		if code := c.ExitCode(); code == 0 || code == 2 {
			t.Errorf("class %d exits with %d, which is kept for others", c, code)
		}
	}
}

func TestListHoldsEachFaultOnce(t *testing.T) {
	var l List
	l.Add(nil)
	if l.Err() != nil || l.Class() != Other {
		t.Error("an empty list is an error")
	}
	l.Warnf("w", "odd", "very %s", "odd")
	if l.HasErrors() || l.Err() != nil {
		t.Error("a warning is an error")
	}
	l.Errorf(Keys, "k", "Lost", "leaf %d", 1)
	l.Errorf(Keys, "k", "Lost", "leaf %d", 1)
	l.Errorf(Usage, "k", "Lost", "leaf %d", 2)
	var more List
	more.Errorf(Keys, "k", "Lost", "leaf %d", 1)
	l.Append(more)
	if len(l) != 3 {
		t.Errorf("%d diagnostics, wanted 3", len(l))
	}
	if got := l.Error(); got != "Lost: leaf 1\nLost: leaf 2" {
		t.Errorf("text %q", got)
	}
	if l.Class() != Keys {
		t.Errorf("class %d, wanted that of the first error", l.Class())
	}
}

func TestSamePlaceIsKnownOrNot(t *testing.T) {
	at := func(line int) *Diagnostic {
		return &Diagnostic{Code: "c", Summary: "s", Range: &Range{File: "f", Start: Pos{Line: line, Column: 1}}}
	}
	var l List
	l.Add(at(1))
	l.Add(at(2)) // the same text elsewhere is another fault
	l.Add(at(1))
	l.Add(&Diagnostic{Code: "c", Summary: "s"}) // no place: the one that is known
	if len(l) != 2 {
		t.Errorf("%d diagnostics, wanted 2", len(l))
	}
	if s := l[0].Range.String(); s != "f:1:1" {
		t.Error(s)
	}
}

func TestUnwrapReachesEach(t *testing.T) {
	var l List
	l.Errorf(Keys, "first", "A", "")
	l.Errorf(Usage, "second", "B", "b")
	err := fmt.Errorf("while planning: %w", l)
	var d *Diagnostic
	if !errors.As(err, &d) || d.Code != "first" {
		t.Errorf("found %v", d)
	}
	if !errors.Is(err, l[1]) {
		t.Error("the second is not reached")
	}
	if l[0].Error() != "A" || l[1].Error() != "B: b" {
		t.Errorf("%q %q", l[0].Error(), l[1].Error())
	}
}

func TestSort(t *testing.T) {
	d := func(s Severity, c Class, code, tensor string) *Diagnostic {
		return &Diagnostic{Severity: s, Class: c, Code: code, Tensor: tensor}
	}
	l := List{d(Warning, Other, "a", ""), d(Error, Usage, "a", ""), d(Error, Keys, "b", "x"), d(Error, Keys, "a", "y"), d(Error, Keys, "a", "x")}
	want := List{l[4], l[3], l[2], l[1], l[0]}
	l.Sort()
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}
}
