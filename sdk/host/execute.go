package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// A worker of ours sends at most 20 progress events in a second; all other
// kinds are bounded by the plan.
const (
	progressFirst     = 10_000
	progressPerSecond = 100
	maxPhases         = 1000
)

// Execute is the third call; only a bundled executable is asked. Events go to
// emit in their order, up to and with Done; an error of emit ends the call and
// is returned as it is. What the worker reports as failed is returned as a
// diag.List, each diagnostic with its own class.
func (p *Process) Execute(ctx context.Context, req *sdk.ExecuteRequest, emit func(sdk.Event) error) error {
	const doing = "executing the plan"
	if err := p.usable(ctx, doing); err != nil {
		return err
	}
	if !p.bundled {
		return p.diagnose(CodeMessage, "The plugin may not execute", doing, "only loraconv's own executable is given files to write", false)
	}
	m, err := wire.EncodeExecuteRequest(req)
	if err != nil {
		return p.failed(ctx, doing, errMessage{err}, nil)
	}
	c, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stream{p: p, cancel: cancel, events: wire.NewEvents(req), emit: emit, began: time.Now()}
	err = s.run(c, m)
	if p.child != nil {
		p.child.measure()
	}
	var own errEmit
	if errors.As(err, &own) {
		return own.error
	}
	if err != nil {
		return p.failed(ctx, doing, err, context.Cause(c))
	}
	if failed, _ := s.events.Ended(); failed.HasErrors() {
		return failed
	}
	return nil
}

// errEmit is the caller's own error.
type errEmit struct{ error }

// stream is one Execute under way.
type stream struct {
	p        *Process
	cancel   context.CancelCauseFunc
	events   *wire.Events
	emit     func(sdk.Event) error
	began    time.Time
	progress int
	phases   int
}

// run takes events until the stream has ended. The watchdog runs only while
// it waits for the worker, not while the caller is busy with an event.
func (s *stream) run(ctx context.Context, m *pb.ExecuteRequest) error {
	stall := s.p.timeouts.Stall
	dog := time.AfterFunc(stall, func() { s.cancel(errStall{stall}) })
	defer dog.Stop()
	in, err := s.p.executor.Execute(ctx, m)
	if err != nil {
		return err
	}
	for {
		dog.Reset(stall)
		answer, err := in.Recv()
		dog.Stop()
		if err == io.EOF {
			if _, ended := s.events.Ended(); !ended {
				return errMessage{errors.New("its events end without done or failed")}
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.take(answer); err != nil {
			return err
		}
	}
}

func (s *stream) take(m *pb.ExecuteEvent) error {
	e, err := s.events.Decode(m)
	if err != nil {
		return errMessage{err}
	}
	switch {
	case e.Failed != nil:
		return nil
	case e.Progress != nil:
		s.progress++
		if s.p.child != nil {
			s.p.child.measure() // while there is something to measure
		}
	case e.Phase != nil:
		s.phases++
	}
	if most := progressFirst + int(time.Since(s.began).Seconds()*progressPerSecond); s.progress > most || s.phases > maxPhases {
		return errFlood{fmt.Errorf("it sent %d reports of progress and %d of phases within %v", s.progress, s.phases, time.Since(s.began).Round(time.Millisecond))}
	}
	if err := s.emit(e); err != nil {
		return errEmit{err}
	}
	return nil
}
