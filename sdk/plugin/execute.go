package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// Executor is the worker: it computes a plan into a stage.
type Executor interface {
	// Execute reports through emit, which may be called from several goroutines
	// but not after Execute has returned. The last event is Done. Faults are
	// returned, as a diag.List, a *diag.Diagnostic or any other error, and reach
	// the host as the event Failed, which an Executor never emits itself. When
	// ctx ends or emit fails, the host no longer listens: return soon.
	Execute(ctx context.Context, r *sdk.ExecuteRequest, emit func(sdk.Event) error) error
}

// The host kills a worker that says nothing for a while, and takes only so
// many progress events in a second. A heartbeat comes from a goroutine of its
// own, so it proves a live process and not a live executor: it goes on only for
// patience after the executor last got on. The longest honest silence is one
// fsync of a large file on a slow disk.
const (
	heartbeat   = 2 * time.Second
	minProgress = 50 * time.Millisecond
	patience    = 30 * time.Minute
)

// Execute answers the host's third call.
func (s *executor) Execute(m *pb.ExecuteRequest, stream pb.Executor_ExecuteServer) error {
	req, err := wire.DecodeExecuteRequest(m)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	out := &events{stream: stream, moved: time.Now(), patience: patience}
	stop := out.beat()
	err = func() error {
		defer stop()
		return s.e.Execute(stream.Context(), req, out.emit)
	}()
	switch {
	case err != nil:
		if err := out.failed(err); err != nil {
			return own(err)
		}
	case !out.done:
		return own(errors.New("the executor returned without an event done"))
	}
	return nil
}

// events sends to one stream. gRPC wants one sender at a time.
type events struct {
	mu       sync.Mutex
	stream   pb.Executor_ExecuteServer
	latest   sdk.Progress // not necessarily sent
	held     bool         // latest is not sent
	sent     time.Time    // of any event
	told     time.Time    // of a progress event
	moved    time.Time    // when the executor last said something new
	patience time.Duration
	done     bool
	err      error // the first; it sticks
}

// emit is what the Executor calls. Progress that comes too fast is held back
// until the next event or heartbeat.
func (s *events) emit(e sdk.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.done:
		return errors.New("an event after done")
	case e.Failed != nil:
		return errors.New("an executor returns its errors; it does not emit them")
	case e.Progress != nil && *e.Progress == s.latest && s.stuck():
		return nil
	case e.Progress != nil:
		if *e.Progress != s.latest {
			s.moved = time.Now()
		}
		s.latest, s.held = *e.Progress, true
		if time.Since(s.told) < minProgress {
			return nil
		}
		return s.flush()
	}
	s.moved = time.Now()
	if err := s.flush(); err != nil {
		return err
	}
	s.done = e.Done != nil
	return s.send(e)
}

// flush sends progress that was held back.
func (s *events) flush() error {
	if !s.held {
		return s.err
	}
	s.held, s.told = false, time.Now()
	p := s.latest
	return s.send(sdk.Event{Progress: &p})
}

func (s *events) send(e sdk.Event) error {
	m, err := wire.EncodeEvent(e)
	if err == nil {
		err = s.stream.Send(m)
	}
	s.sent = time.Now()
	if s.err == nil {
		s.err = err
	}
	return s.err
}

// failed sends the last event of a stream that ends in a fault.
func (s *events) failed(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("%w; the events could not be sent: %w", cause, s.err)
	}
	if s.done {
		return fmt.Errorf("after the event done: %w", cause)
	}
	e, err := wire.Failure(diagnostics(cause))
	if err != nil {
		return fmt.Errorf("%w; it could not be sent: %w", cause, err)
	}
	s.done = true
	return s.send(e)
}

func diagnostics(err error) diag.List {
	var list diag.List
	if errors.As(err, &list) && list.HasErrors() {
		return list
	}
	var one *diag.Diagnostic
	if errors.As(err, &one) && one.Severity == diag.Error {
		return diag.List{one}
	}
	list = nil
	list.Errorf(diag.Plugin, "worker-failed", "The worker failed", "%s", short(err))
	return list
}

// stuck reports whether the executor has not got on for so long that nobody
// should vouch for it: the host then hears nothing more and ends the process.
func (s *events) stuck() bool { return time.Since(s.moved) >= s.patience }

// beat repeats the latest progress whenever nothing was sent for a while. It
// shows that the process runs, and that it got on not too long ago.
func (s *events) beat() (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(heartbeat / 4)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				s.tick()
			}
		}
	}()
	return func() { close(quit); <-gone }
}

func (s *events) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && !s.done && !s.stuck() && (s.held || time.Since(s.sent) >= heartbeat) {
		s.held = true
		_ = s.flush() // emit meets the error
	}
}
