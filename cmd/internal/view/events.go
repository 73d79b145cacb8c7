package view

import (
	"encoding/json"
	"io"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// StreamVersion is the version of the JSON event stream: one object a line,
// each with a "type", the first being "version". New types and fields may be
// added without a new version.
const StreamVersion = 1

// jsonEvery is how often progress is an event.
const jsonEvery = time.Second

// Events shows a session to programs. It is a session.Observer.
type Events struct {
	enc   *json.Encoder
	err   error
	now   func() time.Time
	phase string
	last  time.Time
}

// NewEvents writes the first event, which says which version follows.
func NewEvents(stdout io.Writer, version string) *Events {
	e := &Events{enc: json.NewEncoder(stdout), now: time.Now}
	e.enc.SetEscapeHTML(false)
	e.Emit(map[string]any{"type": "version", "loraconv": version, "stream": StreamVersion, "plan": plan.Version})
	return e
}

// Emit writes one event. After the first that cannot be written, none is; see
// Err.
func (e *Events) Emit(v any) {
	if e.err == nil {
		e.err = e.enc.Encode(v)
	}
}

// Err returns why events could not be written, or nil.
func (e *Events) Err() error { return e.err }

// Phase tells that a conversion begins something new.
func (e *Events) Phase(conversion, name string) {
	e.phase, e.last = name, time.Time{}
	e.Emit(map[string]any{"type": "phase", "conversion": conversion, "phase": name})
}

// Progress tells how far a phase is, at most once a second.
func (e *Events) Progress(conversion string, p sdk.Progress) {
	now := e.now()
	if now.Sub(e.last) < jsonEvery {
		return
	}
	e.last = now
	e.Emit(map[string]any{"type": "progress", "conversion": conversion, "phase": e.phase, "read": p.Read, "read_all": p.ReadAll, "written": p.Written, "all": p.All})
}

// Warning tells a remark.
func (e *Events) Warning(_ string, d *diag.Diagnostic) { e.Diagnostics(nil, diag.List{d}) }

// Diagnostics tells diagnostics, one an event.
func (e *Events) Diagnostics(_ *spec.File, ds diag.List) {
	for _, d := range ds {
		e.Emit(map[string]any{"type": "diagnostic", "severity": d.Severity.String(), "diagnostic": d})
	}
}

// Published tells what a run has made.
func (e *Events) Published(conversion string, r *session.Result) {
	e.Emit(map[string]any{"type": "published", "conversion": conversion, "output": r.Output, "files": r.Files, "tensors": r.Tensors, "merged": r.Merged, "bytes": r.Bytes, "unchanged": r.Unchanged, "seconds": r.Elapsed.Seconds()})
}
