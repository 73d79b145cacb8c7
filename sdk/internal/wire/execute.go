package wire

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// workerClasses are the faults that the worker can know of.
var workerClasses = []diag.Class{diag.Other, diag.Keys, diag.Source, diag.Changed, diag.Plugin, diag.Output, diag.Measured, diag.Usage}

// EncodeExecuteRequest is the host's third word. The plan travels beside the
// document: inside it would be encoded once more.
func EncodeExecuteRequest(r *sdk.ExecuteRequest) (*pb.ExecuteRequest, error) {
	head := *r
	head.Plan = nil
	b, err := encode("execute request", head, MaxMessage-1024)
	if err == nil && len(b)+len(r.Plan) > MaxMessage-1024 {
		err = fmt.Errorf("execute request and plan have %d bytes, at most %d may cross to the other process", len(b)+len(r.Plan), MaxMessage-1024)
	}
	return &pb.ExecuteRequest{Json: b, Plan: r.Plan}, err
}

// DecodeExecuteRequest is read by the worker.
func DecodeExecuteRequest(m *pb.ExecuteRequest) (*sdk.ExecuteRequest, error) {
	if err := known("execute request", m); err != nil {
		return nil, err
	}
	r := new(sdk.ExecuteRequest)
	if err := decode("execute request", m.GetJson(), MaxMessage, r); err != nil {
		return nil, err
	}
	if r.Plan != nil {
		return nil, fmt.Errorf("execute request holds a plan inside its document")
	}
	r.Plan = m.GetPlan()
	return r, nil
}

// EncodeEvent is the worker's answer, one of many.
func EncodeEvent(e sdk.Event) (*pb.ExecuteEvent, error) {
	b, err := encode("event", e, MaxEvent)
	return &pb.ExecuteEvent{Json: b}, err
}

// Failure puts an executor's error into the event that ends its stream.
func Failure(ds diag.List) (sdk.Event, error) {
	b, err := EncodeDiagnostics(ds)
	return sdk.Event{Failed: &sdk.Failed{Diagnostics: b}}, err
}

// Events checks a stream of events against the request that it answers.
type Events struct {
	tensors int
	digests []string
	seen    map[string]bool // files
	times   []uint8         // per tensor
	last    sdk.Progress
	ended   bool
	failed  diag.List
}

// NewEvents begins a stream.
func NewEvents(asked *sdk.ExecuteRequest) *Events {
	return &Events{tensors: len(asked.Placements), digests: asked.Digests, seen: map[string]bool{}, times: make([]uint8, len(asked.Placements))}
}

// Ended reports whether the stream's last event has come. failed is what the
// worker said then, empty after Done.
func (s *Events) Ended() (failed diag.List, ended bool) { return s.failed, s.ended }

// Decode is read by the host, event by event.
func (s *Events) Decode(m *pb.ExecuteEvent) (e sdk.Event, err error) {
	if s.ended {
		return e, fmt.Errorf("an event after the last one")
	}
	if err := known("event", m); err != nil {
		return e, err
	}
	if err := decode("event", m.GetJson(), MaxEvent, &e); err != nil {
		return e, err
	}
	if err := s.check(&e); err != nil {
		return e, fmt.Errorf("event: %w", err)
	}
	return e, nil
}

var phase = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)

func (s *Events) check(e *sdk.Event) error {
	n := 0
	for _, set := range []bool{e.Phase != nil, e.Progress != nil, e.Tensor != nil, e.File != nil, e.Done != nil, e.Failed != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d fields are set, wanted one", n)
	}
	switch {
	case e.Phase != nil:
		if !phase.MatchString(e.Phase.Name) {
			return fmt.Errorf("phase %q", e.Phase.Name)
		}
		s.last = sdk.Progress{} // each phase may count something else
	case e.Progress != nil:
		return s.progress(e.Progress)
	case e.Tensor != nil:
		return s.tensor(e.Tensor)
	case e.File != nil:
		return s.file(e.File)
	case e.Done != nil:
		s.ended = true
		if d := e.Done; d.PeakRSS < 0 || d.Chunks < 0 || d.Missing < 0 {
			return fmt.Errorf("done: a count is negative: %+v", *d)
		}
		for _, a := range e.Done.Adapters {
			if a.Idle < 0 || a.Idle > a.Terms {
				return fmt.Errorf("done: %d of %d updates of source %q", a.Idle, a.Terms, a.Source)
			}
		}
	case e.Failed != nil:
		s.ended = true
		ds, err := DecodeDiagnostics(e.Failed.Diagnostics, workerClasses...)
		if err != nil {
			return err
		}
		if !ds.HasErrors() {
			return fmt.Errorf("failed without an error")
		}
		s.failed = ds
	}
	return nil
}

func (s *Events) progress(p *sdk.Progress) error {
	if p.Read < s.last.Read || p.Written < s.last.Written || p.ReadAll < 0 || p.All < 0 {
		return fmt.Errorf("progress goes from %+v to %+v", s.last, *p)
	}
	s.last = *p
	return nil
}

// tensor allows two events: one with what was measured, one with the digest.
func (s *Events) tensor(t *sdk.TensorDone) error {
	if t.Index < 0 || t.Index >= s.tensors {
		return fmt.Errorf("tensor %d of %d", t.Index, s.tensors)
	}
	if s.times[t.Index]++; s.times[t.Index] > 2 {
		return fmt.Errorf("tensor %d is reported for the third time", t.Index)
	}
	if m := t.Measured; t.NonFinite < 0 || m != nil && (m.Drift < 0 || m.DeltaNorm < 0 || m.BaseNorm < 0) {
		return fmt.Errorf("tensor %d: a measure is negative: %+v", t.Index, *t)
	}
	if t.SHA256 != "" && !digest(t.SHA256) {
		return fmt.Errorf("tensor %d: digest %q", t.Index, t.SHA256)
	}
	return nil
}

func (s *Events) file(f *sdk.FileDone) error {
	if s.seen[f.File] || !slices.Contains(s.digests, f.File) {
		return fmt.Errorf("file %q was not asked for or is reported twice", f.File)
	}
	s.seen[f.File] = true
	if f.Bytes < 0 || !digest(f.SHA256) {
		return fmt.Errorf("file %q has %d bytes and digest %q", f.File, f.Bytes, f.SHA256)
	}
	return nil
}

func digest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == hex.EncodeToString(b)
}
