package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Codes of the diagnostics of this package, all of class diag.Plugin.
const (
	CodeStart   = "plugin-start"    // it could not be started, or did not answer the handshake as it must
	CodeChanged = "plugin-changed"  // its executable does not have the bytes that were wanted
	CodeVersion = "plugin-protocol" // it speaks no version of the protocol that this host speaks
	CodeExit    = "plugin-exit"     // it ended by itself while it was needed
	CodeTimeout = "plugin-timeout"  // it did not answer in time, or fell silent
	CodeFailed  = "plugin-failed"   // it answered with an error
	CodeMessage = "plugin-message"  // what it sent, or was to be sent, breaks the protocol
	CodeFlood   = "plugin-flood"    // it wrote or sent more than anyone would read
	CodeClosed  = "plugin-closed"   // it was asked after Close
)

// errTimeout is why a call's context ended.
type errTimeout struct{ after time.Duration }

func (e errTimeout) Error() string { return fmt.Sprintf("no answer within %v", e.after) }

// errStall is why a stream's context ended.
type errStall struct{ after time.Duration }

func (e errStall) Error() string { return fmt.Sprintf("no event for %v", e.after) }

// errMessage is a message that breaks the protocol.
type errMessage struct{ error }

func (e errMessage) Unwrap() error { return e.error }

// errFlood is a stream with more events than make sense.
type errFlood struct{ error }

// usable says why no call can be made.
func (p *Process) usable(ctx context.Context, doing string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return p.fault
	}
	select {
	case <-p.closed:
		return p.diagnose(CodeClosed, "The plugin has been closed", doing, "it was asked after it had been closed", false)
	default:
		return nil
	}
}

// failed turns the error of a call into a diagnostic and ends the process,
// which cannot be trusted any more. cause is why the call's context ended, if
// it did.
func (p *Process) failed(ctx context.Context, doing string, err, cause error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	p.mu.Lock() // one call explains; the others that it takes down say the same
	defer p.mu.Unlock()
	if p.fault != nil {
		return p.fault
	}
	if p.child != nil && cause == nil && broken(err) {
		p.child.waitExit(time.Second) // the connection breaks a little before the process is reaped
	}
	code, summary, what := p.explain(err, cause)
	if p.child != nil {
		p.child.expectEnd()
		p.child.kill()
		p.child.waitExit(p.timeouts.Kill)
	}
	p.fault = p.diagnose(code, summary, doing, what, true)
	return p.fault
}

// broken reports whether err may mean that the other process is ending.
func broken(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	switch s.Code() {
	case codes.Unavailable, codes.Canceled:
		return true
	case codes.Internal:
		return !strings.HasPrefix(s.Message(), panicPrefix)
	}
	return false
}

// panicPrefix begins what sdk/plugin makes of a panic in a call.
const panicPrefix = "panic: "

// explain says what happened, in the order in which one thing hides another.
func (p *Process) explain(err, cause error) (code, summary, what string) {
	var (
		timeout errTimeout
		stall   errStall
		message errMessage
		flood   errFlood
	)
	if p.child != nil && p.child.flooded() {
		return CodeFlood, "The plugin writes without end", fmt.Sprintf("it wrote more than %d MiB to stderr and stdout, and was ended", floodBytes>>20)
	}
	switch {
	case errors.As(err, &flood):
		return CodeFlood, "The plugin reports without end", fmt.Sprintf("%v; it was ended", flood)
	case errors.As(cause, &timeout):
		return CodeTimeout, "The plugin did not answer", fmt.Sprintf("it gave %v, and was ended", timeout)
	case errors.As(cause, &stall):
		return CodeTimeout, "The plugin fell silent", fmt.Sprintf("it sent %v, and was ended", stall)
	case errors.As(err, &message):
		return CodeMessage, "The plugin broke the protocol", message.Error()
	}
	if p.child != nil && p.child.expected.Load() {
		return CodeClosed, "The plugin has been closed", "it was closed before it had answered"
	}
	if p.child != nil {
		if how, ok := p.child.ended(); ok {
			return CodeExit, "The plugin ended too early", "it " + how
		}
	}
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.ResourceExhausted:
		return CodeMessage, "The plugin broke the protocol", fmt.Sprintf("a message is larger than %d MiB: %s", wire.MaxMessage>>20, s.Message())
	case codes.Unimplemented:
		return CodeMessage, "The plugin broke the protocol", "it does not know the call: " + s.Message()
	case codes.InvalidArgument:
		return CodeMessage, "The plugin broke the protocol", "it could not read the request: " + s.Message()
	case codes.Internal:
		if strings.HasPrefix(s.Message(), panicPrefix) {
			return CodeFailed, "The plugin failed", "it met a " + s.Message()
		}
	case codes.Unavailable:
		return CodeMessage, "The plugin broke the protocol", "the connection was lost: " + s.Message()
	}
	return CodeFailed, "The plugin failed", "it answered with an error: " + s.Message()
}

// maxDetail bounds what a diagnostic quotes from another process.
const maxDetail = 16 << 10

func (p *Process) diagnose(code, summary, doing, what string, lines bool) *diag.Diagnostic {
	return report(p.name, code, summary, doing, what, p.child, lines)
}

// report writes the one kind of diagnostic that this package gives.
func report(name, code, summary, doing, what string, c *child, lines bool) *diag.Diagnostic {
	what = strings.TrimRight(wire.Clean(what), "\n")
	if len(what) > maxDetail {
		what = strings.ToValidUTF8(what[:maxDetail], "") + " …"
	}
	d := diag.New(diag.Plugin, code, summary, "plugin %q, while %s: %s", name, doing, what)
	if c != nil && lines {
		if last := c.out.last(); len(last) > 0 {
			d.Detail += "\nIts last lines:\n  " + strings.Join(last, "\n  ")
		}
	}
	return d
}
