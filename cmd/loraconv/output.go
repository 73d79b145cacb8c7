package main

import (
	"context"
	"errors"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/spec"
)

// form is one way of showing a session.
type form interface {
	session.Observer
	Diagnostics(*spec.File, diag.List)
	Plan(*session.Prepared, engine.Report) error
}

// output is where a command's results and remarks go: results to stdout,
// everything else to stderr; with -json one object a line on stdout.
type output struct{ form }

func (a *app) output(asJSON bool) *output {
	if asJSON {
		return &output{view.NewEvents(a.stdout, version)}
	}
	return &output{view.NewText(a.stdout, a.stderr)}
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

// settle is diagnose, unless the context has ended: then that is why.
func (o *output) settle(ctx context.Context, f *spec.File, ds diag.List) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return o.diagnose(f, ds)
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

// isInterrupt reports an error that only says that the context has ended.
func isInterrupt(err error) bool {
	var s signalled
	return errors.As(err, &s) || errors.Is(err, context.Canceled)
}
