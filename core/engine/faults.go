package engine

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// Codes of the diagnostics of this package.
const (
	CodeUnreadable = "source-unreadable" // a chunk cannot be read
	CodeCorrupt    = "source-corrupt"    // its bytes contradict the format
	CodeChanged    = "source-changed"    // a file is not the one that was opened
	CodeMissing    = "chunks-missing"    // chunks that were never written
	CodeNonFinite  = "nonfinite"         // NaN or infinite values in a source or a result
	CodeOverflow   = "overflow"          // values beyond the output's type
	CodeWrite      = "write-failed"      // the output
	CodeScratch    = "scratch-failed"    // the scratch file
	CodeMemory     = "memory-too-small"  // for one chunk
)

const resultSummary = "A result is not finite"

// sourceFault says that a parameter of a source could not be read.
func sourceFault(from, name string, err error) error {
	if isCancel(err) {
		return err
	}
	var d *diag.Diagnostic
	if errors.As(err, &d) {
		return err
	}
	class, code, summary := diag.Source, CodeUnreadable, "A source parameter cannot be read"
	switch {
	case errors.Is(err, store.ErrChanged):
		class, code, summary = diag.Changed, CodeChanged, "A source changed while it was read"
	case errors.Is(err, store.ErrCorrupt):
		code, summary = CodeCorrupt, "A source parameter is damaged"
	}
	d = diag.New(class, code, summary, "%s in source %q: %v", name, from, err)
	d.Tensor = name
	return wrapped{d, err}
}

func writeFault(target string, err error) error {
	if isCancel(err) {
		return err
	}
	d := diag.New(diag.Output, CodeWrite, "An output tensor could not be written", "%s: %v", target, err)
	d.Tensor = target
	return wrapped{d, err}
}

// wrapped is a diagnostic and the error that it reports.
type wrapped struct {
	d   *diag.Diagnostic
	err error
}

func (w wrapped) Error() string   { return w.d.Error() }
func (w wrapped) Unwrap() []error { return []error{w.d, w.err} }

func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// kind says where a value that is not finite came from.
type kind uint8

const (
	inSource kind = iota // it is stored so
	inResult             // arithmetic made it
	narrowed             // a finite value beyond the largest of the output's type
)

// tally collects what is found about targets. The faults of a run are reported
// together, at its end, so that they are the same for any scheduling, and
// everything that has to be allowed is named at once.
type tally struct {
	mu       sync.Mutex
	allow    func(target string) bool
	found    map[finding]*place
	values   []int64    // not finite, by target
	measures []measures // by target
}

type finding struct {
	target int
	base   *base
	kind   kind
}

type place struct {
	count int64
	first int // smallest flat index in the base
}

func newTally(targets int, allow func(string) bool) *tally {
	return &tally{allow: allow, found: map[finding]*place{}, values: make([]int64, targets), measures: make([]measures, targets)}
}

func (t *tally) value(target int, b *base, k kind, at int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values[target]++
	f := finding{target, b, k}
	p := t.found[f]
	if p == nil {
		p = &place{first: at}
		t.found[f] = p
	}
	p.count++
	p.first = min(p.first, at)
}

// constant counts constants that are not finite: the plan says so, and that is
// not a fault of a source.
func (t *tally) constant(target int, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values[target] += n
}

// measured adds the sums of a tile to those of a target. It keeps m.
func (t *tally) measured(target int, m *measures) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := *m
	t.measures[target].merge(&n)
}

// faults returns the findings that are not allowed. users gives the targets
// that a target of the program stands for, and how to call it.
func (t *tally) faults(p *program, users func(target int) []string) diag.List {
	var out diag.List
	for f, at := range t.found {
		for _, name := range users(f.target) {
			if t.allow != nil && t.allow(name) {
				continue
			}
			out.Add(f.report(at, name, &p.targets[f.target]))
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return slices.Compare([]string{a.Code, a.Tensor, a.Detail}, []string{b.Code, b.Tensor, b.Detail}) < 0
	})
	return out
}

func (f finding) report(at *place, name string, t *target) *diag.Diagnostic {
	where := indexOf(at.first, f.base.shape)
	var d *diag.Diagnostic
	switch f.kind {
	case inSource:
		d = diag.New(diag.Source, CodeNonFinite, "A source holds values that are not finite",
			"%s in source %q, read for %s: %d NaN or infinite values, the first at %v; if they are meant to be there, list the target in allow_nonfinite", f.base.name, f.base.from, name, at.count, where)
	case inResult:
		d = diag.New(diag.Source, CodeNonFinite, resultSummary,
			"%s, computed from %s in source %q: %d values became NaN or infinite, the first from %v; look at the scale and at the adapter, and if they are meant to be there, list the target in allow_nonfinite", name, f.base.name, f.base.from, at.count, where)
	default:
		d = diag.New(diag.Measured, CodeOverflow, "Values are beyond the output's type",
			"%s, from %s in source %q: %d finite values are infinite as %s, the first from %v; choose a wider dtype for it", name, f.base.name, f.base.from, at.count, t.dtype, where)
	}
	d.Tensor = name
	return d
}

// indexOf returns the coordinates of a flat index.
func indexOf(flat int, s tensor.Shape) []int {
	at := make([]int, len(s))
	for x := len(s) - 1; x >= 0; x-- {
		at[x] = flat % s[x]
		flat /= s[x]
	}
	return at
}

// missing reports the chunks of p that were never written, and how many they are.
func (p *program) missing(groups []*group, allowed bool) (int, diag.List) {
	total, ds := 0, diag.List{}
	by := map[*base]int{}
	for _, g := range groups {
		for _, m := range g.members {
			if m.base.chunks[m.chunk].Missing {
				by[m.base]++
				total++
			}
		}
	}
	if allowed {
		return total, nil
	}
	for _, b := range p.bases {
		if n := by[b]; n > 0 {
			ds.Errorf(diag.Source, CodeMissing, "Chunks of a source parameter were never written",
				"%s in source %q: %d of %d chunks are missing; missing_chunks = \"fill\" reads them as the array's fill value", b.name, b.from, n, len(b.chunks)).Tensor = b.name
		}
	}
	return total, ds
}
