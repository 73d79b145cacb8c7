package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// recorder is a stream that keeps what is sent, and notices two senders.
type recorder struct {
	grpc.ServerStream
	t      *testing.T
	busy   sync.Mutex
	events []sdk.Event
	fail   error
}

func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Send(m *pb.ExecuteEvent) error {
	if !r.busy.TryLock() {
		r.t.Error("two senders at a time")
		return nil
	}
	defer r.busy.Unlock()
	if r.fail != nil {
		return r.fail
	}
	var e sdk.Event
	if err := json.Unmarshal(m.Json, &e); err != nil {
		r.t.Error(err)
	}
	r.events = append(r.events, e)
	return nil
}

type execFunc func(emit func(sdk.Event) error) error

func (f execFunc) Execute(_ context.Context, _ *sdk.ExecuteRequest, emit func(sdk.Event) error) error {
	return f(emit)
}

func record(t *testing.T, r *recorder, f execFunc) ([]sdk.Event, error) {
	r.t = t
	err := (&executor{e: f}).Execute(&pb.ExecuteRequest{Json: []byte("{}")}, r)
	return r.events, err
}

func TestEmitFromManyGoroutines(t *testing.T) {
	const goroutines, each = 8, 500
	events, err := record(t, &recorder{}, func(emit func(sdk.Event) error) error {
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					if err := emit(sdk.Event{Tensor: &sdk.TensorDone{Index: g*each + i}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		return emit(sdk.Event{Done: &sdk.Done{}})
	})
	if err != nil || len(events) != goroutines*each+1 || events[len(events)-1].Done == nil {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestProgressIsThinnedButTheLastArrives(t *testing.T) {
	events, err := record(t, &recorder{}, func(emit func(sdk.Event) error) error {
		for i := range int64(1000) {
			if err := emit(sdk.Event{Progress: &sdk.Progress{Written: i}}); err != nil {
				return err
			}
		}
		return emit(sdk.Event{Done: &sdk.Done{}})
	})
	if err != nil || len(events) < 3 || len(events) > 100 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if p := events[len(events)-2].Progress; p == nil || p.Written != 999 {
		t.Errorf("before done comes %+v", events[len(events)-2])
	}
}

func TestHeartbeat(t *testing.T) {
	events, err := record(t, &recorder{}, func(emit func(sdk.Event) error) error {
		if err := emit(sdk.Event{Progress: &sdk.Progress{Written: 7}}); err != nil {
			return err
		}
		time.Sleep(heartbeat + heartbeat/2 + 200*time.Millisecond)
		return emit(sdk.Event{Done: &sdk.Done{}})
	})
	if err != nil || len(events) != 3 || events[1].Progress == nil || events[1].Progress.Written != 7 {
		t.Errorf("%+v, %v", events, err)
	}
}

// An executor that does not get on is not vouched for, whether it is silent or
// says the same again and again.
func TestNoHeartbeatForTheStuck(t *testing.T) {
	r := &recorder{t: t}
	s := &events{stream: r, moved: time.Now(), patience: 300 * time.Millisecond}
	stop := s.beat()
	defer stop()
	same := sdk.Event{Progress: &sdk.Progress{Written: 7}}
	emitFor := func(d time.Duration) (sent int) {
		s.mu.Lock()
		before := len(r.events)
		s.mu.Unlock()
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(60 * time.Millisecond) {
			if err := s.emit(same); err != nil {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(r.events) - before
	}
	if n := emitFor(200 * time.Millisecond); n == 0 {
		t.Error("nothing is sent at first")
	}
	time.Sleep(200 * time.Millisecond)
	if n := emitFor(heartbeat + heartbeat/2); n != 0 {
		t.Errorf("%d events of a stuck executor", n)
	}
	if err := s.emit(sdk.Event{Progress: &sdk.Progress{Written: 8}}); err != nil || len(r.events) == 0 || r.events[len(r.events)-1].Progress.Written != 8 {
		t.Errorf("it got on, and nothing says so: %v", err)
	}
}

func TestFailure(t *testing.T) {
	var list diag.List
	list.Warnf("w", "Warning", "")
	list.Errorf(diag.Changed, "source-changed", "A source changed", "")
	tests := []struct {
		name  string
		err   error
		class string // of the first error in the event
	}{
		{"list", fmt.Errorf("engine: %w", list), `"class":3`},
		{"one", fmt.Errorf("engine: %w", diag.New(diag.Output, "disk-full", "The disk is full", "")), `"class":5`},
		{"any", errors.New("odd"), `"class":4`},
		{"only a warning", list[:1], `"class":4`},
	}
	for _, tt := range tests {
		events, err := record(t, &recorder{}, func(func(sdk.Event) error) error { return tt.err })
		if err != nil || len(events) != 1 || events[0].Failed == nil || !strings.Contains(string(events[0].Failed.Diagnostics), tt.class) {
			t.Errorf("%s: %+v, %v", tt.name, events, err)
		}
	}
}

func TestExecutorIsHeldToItsWord(t *testing.T) {
	tests := map[string]execFunc{
		"without an event done": func(func(sdk.Event) error) error { return nil },
		"an event after done": func(emit func(sdk.Event) error) error {
			emit(sdk.Event{Done: &sdk.Done{}})
			return emit(sdk.Event{Done: &sdk.Done{}})
		},
		"after the event done: x": func(emit func(sdk.Event) error) error { emit(sdk.Event{Done: &sdk.Done{}}); return errors.New("x") },
	}
	for want, f := range tests {
		if _, err := record(t, &recorder{}, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted %q", err, want)
		}
	}
	gone := errors.New("gone")
	if _, err := record(t, &recorder{fail: gone}, func(emit func(sdk.Event) error) error {
		return emit(sdk.Event{Phase: &sdk.Phase{Name: "stream"}})
	}); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v", err)
	}
}

func TestShortStackBeginsAtThePanic(t *testing.T) {
	stack := func() (s []byte) {
		defer func() { recover(); s = shortStack(debug.Stack()) }()
		panic("x")
	}()
	if !bytes.Contains(bytes.SplitN(stack, []byte("\n"), 2)[0], []byte("TestShortStackBeginsAtThePanic")) || bytes.Count(stack, []byte("\n")) > stackLines {
		t.Errorf("%s", stack)
	}
	var deep func(int)
	deep = func(n int) {
		if n == 0 {
			panic("deep")
		}
		deep(n - 1)
	}
	stack = func() (s []byte) {
		defer func() { recover(); s = shortStack(debug.Stack()) }()
		deep(500)
		return nil
	}()
	if len(stack) > stackBytes {
		t.Errorf("%d bytes", len(stack))
	}
}
