package main

import (
	"encoding/json"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
)

// form is one way of showing a session.
type form interface {
	session.Observer
	Diagnostics(*spec.File, diag.List)
}

// output is where a command's results and remarks go: results to stdout,
// everything else to stderr; with -json one object a line on stdout.
type output struct {
	form
	app    *app
	events *view.Events // nil: text
}

func (a *app) output(asJSON bool) *output {
	if asJSON {
		e := view.NewEvents(a.stdout, version)
		return &output{e, a, e}
	}
	return &output{view.NewText(a.stdout, a.stderr), a, nil}
}

// logger shows what plugins log, from warnings on or from LORACONV_LOG.
func (a *app) logger() hclog.Logger {
	level := hclog.Warn
	if s := os.Getenv("LORACONV_LOG"); s != "" {
		level = hclog.LevelFromString(s)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "loraconv", Level: level, Output: a.stderr, DisableTime: true})
}

// diagnose shows diagnostics and returns an error with their exit code when
// one of them is an error.
func (o *output) diagnose(f *spec.File, ds diag.List) error {
	o.Diagnostics(f, ds)
	if ds.HasErrors() {
		return reported{ds.Class().ExitCode()}
	}
	return nil
}

// fail shows what is inside an error. An interruption is left to main.
func (o *output) fail(f *spec.File, err error) error {
	if isInterrupt(err) {
		return err
	}
	ds := asList(err)
	if f != nil {
		f.Place(ds)
	}
	return o.diagnose(f, ds)
}

// plan shows a checked plan and what running it needs.
func (o *output) plan(p *session.Prepared, needs engine.Report) error {
	if o.events == nil {
		return writePlan(o.app.stdout, p, needs)
	}
	b, err := plan.Encode(p.Plan)
	if err != nil {
		return err
	}
	o.events.Emit(map[string]any{"type": "plan", "conversion": p.Name, "output": p.Output, "digest": p.Digest, "plugin": p.Plugin, "sources": p.Sources, "needs": needsJSON(needs)})
	for line := range lines(b) {
		o.events.Emit(map[string]any{"type": "plan_line", "conversion": p.Name, "line": json.RawMessage(line)})
	}
	return o.events.Err()
}
