package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// measures reports whether a check or an expectation needs what the worker
// measures only where it is asked to.
func (p *Prepared) measures() bool {
	for _, c := range p.Checks {
		if c.Kind == spec.CheckDrift {
			return true
		}
	}
	for _, e := range p.Expects {
		if e.Measures {
			return true
		}
	}
	return false
}

// verdict is what came out of a check.
type verdict struct {
	met    bool
	found  string // what was measured, in words
	detail string // of a breach: numbers found and wanted, and the next step
}

// judge measures what the conversion's checks and expectations ask for. The
// output lies in the stage, complete but for its receipts; what fails here is
// never published. All breaches are reported at once.
func (r *run) judge(ctx context.Context) error {
	if len(r.p.Checks)+len(r.p.Expects) == 0 {
		return nil
	}
	if err := r.begin(ctx, "check"); err != nil {
		return err
	}
	var ds diag.List
	for _, c := range r.p.Checks {
		v, err := r.check(ctx, c)
		if err != nil {
			return err
		}
		if !v.met {
			r.breach(c, v, &ds)
		}
		r.rec.judged(checkName(c), checkDigest(c), v.met, v.found)
	}
	if len(r.p.Expects) > 0 {
		res, err := r.result(ctx)
		if err != nil {
			return err
		}
		for _, e := range r.p.Expects {
			ds.Append(e.Judge(res))
			r.rec.judged(expectName(e), expectDigest(e), true, "")
		}
	}
	if r.s.File != nil {
		for _, d := range ds {
			d.Summary, d.Detail = r.s.File.Redact(d.Summary), r.s.File.Redact(d.Detail)
		}
	}
	return ds.Err()
}

// breach reports a check that is not met, as its on_breach says.
func (r *run) breach(c *spec.Check, v verdict, ds *diag.List) {
	d := &diag.Diagnostic{Class: diag.Measured, Code: "check-failed", Summary: fmt.Sprintf("Check %q is not met", c.Kind), Detail: v.detail}
	if c.Range.File != "" {
		at := c.Range
		d.Range = &at
	}
	if !c.Warn {
		d.Detail += "\nNothing was published."
		ds.Add(d)
		return
	}
	d.Severity, d.Class = diag.Warning, diag.Other
	if r.s.Observer != nil {
		r.s.Observer.Warning(r.p.Name, d)
	}
}

// judged notes a verdict for the receipt.
func (r *record) judged(name, digest string, met bool, found string) {
	r.manifest.Judged = append(r.manifest.Judged, receipt.Judged{Name: name, SHA256: digest, Met: met, Found: found})
}

func checkName(c *spec.Check) string   { return fmt.Sprintf("check %q", c.Kind) }
func expectName(e *spec.Expect) string { return fmt.Sprintf("expect %q", e.Name) }

// checkDigest identifies the arguments of a check, on any machine.
func checkDigest(c *spec.Check) string {
	same := *c
	same.Path = ""
	return digestOf(same)
}

// expectDigest identifies an expectation and the values that it uses, on any
// machine.
func expectDigest(e *spec.Expect) string { return digestOf(e.Portable()) }

func digestOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("session: " + err.Error()) // strings, numbers and lists of them
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sameJudged reports whether an output was judged as this conversion would
// judge it.
func (p *Prepared) sameJudged(have []receipt.Judged) bool {
	if len(have) != len(p.Checks)+len(p.Expects) {
		return false
	}
	for i, c := range p.Checks {
		if have[i].Name != checkName(c) || have[i].SHA256 != checkDigest(c) {
			return false
		}
	}
	for i, e := range p.Expects {
		if h := have[len(p.Checks)+i]; h.Name != expectName(e) || h.SHA256 != expectDigest(e) {
			return false
		}
	}
	return true
}

// written is what the receipt says of a tensor's measures.
func written(m *sdk.Measured) *receipt.Measured {
	if m == nil {
		return nil
	}
	return &receipt.Measured{Drift: decimal(m.Drift), BaseNorm: decimal(m.BaseNorm), DeltaNorm: decimal(m.DeltaNorm), Retention: decimal(m.Retention)}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// some lists the first few of many, and says how many more there are.
func some(lines []string) string {
	const most = 3
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}
