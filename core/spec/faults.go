package spec

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
)

// maxFaults is how many faults are reported of one spec.
const maxFaults = 100

// faults collects what is wrong with a spec.
type faults struct {
	list    diag.List
	seen    map[string]bool
	dropped int
	secrets []string // longest first
}

// errorf adds an error at a place.
func (f *faults) errorf(r hcl.Range, code, summary, format string, args ...any) {
	f.add(&diag.Diagnostic{Class: diag.Usage, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...), Range: toRange(r)})
}

// warnf adds a warning at a place.
func (f *faults) warnf(r hcl.Range, code, summary, format string, args ...any) {
	f.add(&diag.Diagnostic{Severity: diag.Warning, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...), Range: toRange(r)})
}

// add appends d unless the same fault was reported for the same place.
func (f *faults) add(d *diag.Diagnostic) {
	if len(f.secrets) > 0 {
		d.Summary, d.Detail = f.redact(d.Summary), f.redact(d.Detail)
	}
	key := fmt.Sprint(d.Severity, d.Code, d.Summary, d.Detail)
	if d.Range != nil {
		key += fmt.Sprint(*d.Range)
	}
	if f.seen[key] {
		return
	}
	if len(f.list) >= maxFaults {
		f.dropped++
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[key] = true
	f.list = append(f.list, d)
}

// take returns what was collected, sorted by file and place, and begins anew.
func (f *faults) take(files []string) diag.List {
	order := map[string]int{}
	for i, name := range files {
		order[name] = i
	}
	rank := func(d *diag.Diagnostic) (int, int) {
		if d.Range == nil {
			return -1, 0
		}
		return order[d.Range.File], d.Range.Start.Byte
	}
	sort.SliceStable(f.list, func(i, j int) bool {
		fi, bi := rank(f.list[i])
		fj, bj := rank(f.list[j])
		if fi != fj {
			return fi < fj
		}
		return bi < bj
	})
	out := f.list
	if f.dropped > 0 {
		out = append(out, diag.New(diag.Usage, codeTooMany, "Too many faults", "%d more faults are not shown; mend the first ones and look again.", f.dropped))
	}
	*f = faults{secrets: f.secrets}
	return out
}

// hcl adds diagnostics of the HCL library. Those of its parsers are faults of
// syntax; the others are told apart by their summary.
func (f *faults) hcl(diags hcl.Diagnostics, syntax bool) {
	for i, d := range diags {
		if i > maxFaults {
			f.dropped += len(diags) - i
			return
		}
		code := codeSyntax
		if !syntax {
			code = codeOf(d.Summary)
		}
		out := &diag.Diagnostic{Class: diag.Usage, Code: code, Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			out.Severity, out.Class = diag.Warning, diag.Other
		}
		if d.Subject != nil {
			out.Range = toRange(*d.Subject)
		}
		f.add(out)
	}
}

// codeOf gives the code of a diagnostic that the HCL library made while a
// body was opened or an expression evaluated.
func codeOf(summary string) string {
	switch summary {
	case "Unsupported argument", "Extraneous JSON object property":
		return codeArgument
	case "Unsupported block type":
		return codeBlock
	case "Missing required argument":
		return codeMissing
	case "Attribute redefined", "Duplicate attribute definition", "Duplicate argument":
		return codeDuplicate
	case "Missing block label":
		return codeLabels
	case "Call to unknown function":
		return codeFunction
	case "Incorrect JSON value type":
		return codeType
	case costSummary:
		return codeTooCostly
	}
	if strings.HasPrefix(summary, "Extraneous label for ") || strings.HasPrefix(summary, "Missing ") && strings.Contains(summary, " for ") {
		return codeLabels
	}
	return codeExpression
}

// didYouMean returns a sentence with the likeliest of the names, or "".
func didYouMean(name string, names []string) string {
	if s := manifest.Suggest(name, names); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	return ""
}

// oneOf lists names for a reader, quoted.
func oneOf(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	switch len(q) {
	case 0:
		return "none"
	case 1:
		return q[0]
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}

func toRange(r hcl.Range) *diag.Range {
	if r.Filename == "" {
		return nil
	}
	return &diag.Range{File: r.Filename, Start: diag.Pos(r.Start), End: diag.Pos(r.End)}
}

func place(r hcl.Range) diag.Range {
	if p := toRange(r); p != nil {
		return *p
	}
	return diag.Range{}
}
