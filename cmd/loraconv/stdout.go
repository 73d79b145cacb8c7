package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/loraconv/loraconv/core/diag"
)

// results is standard output. It remembers why it could not be written, so
// that no command ends well whose answer nobody has seen.
type results struct {
	w    io.Writer
	err  error
	lost func(error) // told of the first fault; nil: nobody
}

func (r *results) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	if err != nil && r.err == nil {
		if r.err = err; r.lost != nil {
			r.lost(err)
		}
	}
	return n, err
}

// whileHeard keeps a conversion from dying of SIGPIPE, which would leave its
// stage behind. Where its events are read, it ends it, in good order, as soon
// as they cannot be written any more.
func (a *app) whileHeard(ctx context.Context, asJSON bool) (context.Context, func()) {
	pipe := make(chan os.Signal, 1) // nobody reads it: a write says EPIPE
	signal.Notify(pipe, syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(ctx)
	if asJSON {
		a.stdout.lost = cancel
	}
	return ctx, func() {
		a.stdout.lost = nil
		cancel(nil)
		signal.Stop(pipe)
	}
}

// mute tells, on stderr, that standard output could not be written. What was
// published is published: that is a warning.
func (a *app) mute(code int) int {
	switch {
	case a.stdout.err == nil:
		return code
	case code == 0 && a.published:
		a.output(false).Diagnostics(nil, diag.List{{Severity: diag.Warning, Code: "stdout-failed", Summary: "Published, but standard output could not be written",
			Detail: a.stdout.err.Error()}})
		return code
	case code == 0:
		return a.report(a.stdout.err)
	}
	return code
}

// muteFault is an error of standard output as a diagnostic, or nil.
func (a *app) muteFault(err error) *diag.Diagnostic {
	if a.stdout == nil || a.stdout.err == nil || !errors.Is(err, a.stdout.err) {
		return nil
	}
	return diag.New(diag.Other, "stdout-failed", "Standard output could not be written", "%v; make room, or send it elsewhere", err)
}
