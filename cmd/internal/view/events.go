package view

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// jsonEvery is how often progress is an event.
const jsonEvery = time.Second

// Events shows a session to programs. It is a session.Observer.
type Events struct {
	enc   *json.Encoder
	err   error
	now   func() time.Time
	phase string
	last  time.Time
	file  *spec.File // whose blocks diagnostics stand in; nil: none yet
}

// NewEvents writes the first event, which says which version follows.
func NewEvents(stdout io.Writer, version string) *Events {
	e := &Events{enc: json.NewEncoder(stdout), now: time.Now}
	e.enc.SetEscapeHTML(false)
	e.emit(versionEvent{"version", version, StreamVersion, plan.Version})
	return e
}

// emit writes one event, without the values of sensitive variables. After the
// first that cannot be written, none is; see Err.
func (e *Events) emit(v any) {
	if e.err != nil {
		return
	}
	if e.file != nil {
		v = redacted(v, e.file.Redact)
	}
	e.err = e.enc.Encode(v)
}

// Err returns why events could not be written, or nil.
func (e *Events) Err() error { return e.err }

// Phase tells that a conversion begins something new.
func (e *Events) Phase(conversion, name string) {
	e.phase, e.last = name, time.Time{}
	e.emit(phaseEvent{"phase", conversion, name})
}

// Progress tells how far a phase is, at most once a second.
func (e *Events) Progress(conversion string, p sdk.Progress) {
	now := e.now()
	if now.Sub(e.last) < jsonEvery {
		return
	}
	e.last = now
	e.emit(progressEvent{"progress", conversion, e.phase, p.Read, p.ReadAll, p.Written, p.All})
}

// Warning tells a remark.
func (e *Events) Warning(_ string, d *diag.Diagnostic) { e.Diagnostics(e.file, diag.List{d}) }

// Diagnostics tells diagnostics, one an event; f is nil where there is no spec.
func (e *Events) Diagnostics(f *spec.File, ds diag.List) {
	e.file = f
	for _, d := range ds {
		v := diagnosticEvent{
			Type: "diagnostic", Severity: d.Severity.String(), Code: d.Code, Summary: d.Summary, Detail: d.Detail,
			Range: d.Range, Path: d.Path, Tensor: d.Tensor, Rule: d.Rule,
		}
		if d.Severity == diag.Error {
			v.Exit = d.Class.ExitCode()
		}
		if f != nil && d.Range != nil {
			v.Context = f.Context(*d.Range)
		}
		e.emit(v)
	}
}

// Plan tells a checked plan and what running it needs: one event about it, and
// one for each line of its canonical encoding.
func (e *Events) Plan(p *session.Prepared, r engine.Report) error {
	b, err := plan.Encode(p.Plan)
	if err != nil {
		return err
	}
	notes := r.Notes
	if notes == nil {
		notes = []string{}
	}
	e.emit(planEvent{"plan", p.Name, p.Output, p.Digest, p.Plugin, p.Sources, planNeeds{
		r.Read, r.Written, r.Groups, r.Workers, r.Adapters, r.Scratch, r.Buffers, r.Passes, r.ShortRuns, notes,
	}})
	for line := range bytes.Lines(b) {
		e.emit(planLineEvent{"plan_line", p.Name, bytes.TrimSuffix(line, []byte("\n"))})
	}
	return e.err
}

// Published tells what a run has made.
func (e *Events) Published(conversion string, r *session.Result) {
	e.emit(publishedEvent{"published", conversion, r.Output, r.Files, r.Tensors, r.Merged, r.Bytes, r.Unchanged, r.Elapsed.Seconds()})
}
