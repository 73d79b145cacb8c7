package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/sdk"
)

// tick is how often progress is told: well within the time after which a host
// takes a silent worker for dead.
const tick = 500 * time.Millisecond

// Execute computes what r asks for. It tells emit of phases, progress and
// digests, and of Done at the end; faults are returned, as diagnostics. When
// ctx ends, it returns soon.
func Execute(ctx context.Context, r *sdk.ExecuteRequest, emit func(sdk.Event) error) error {
	restore := limitHeap(r.Memory)
	defer restore()
	x := &execution{request: r, emit: emit}
	ctx, x.stop = context.WithCancelCause(ctx)
	defer x.stop(nil)

	p, err := plan.Decode(r.Plan)
	if err != nil {
		return diag.New(diag.Plugin, plan.CodePlan, "The worker was sent a plan that cannot be read", "%v", err)
	}
	sources, err := openSources(ctx, p, r)
	if err != nil {
		return err
	}
	defer sources.close()
	if err := plan.Check(p, sources.manifests()).Err(); err != nil {
		return err
	}
	s, err := openStage(r, p)
	if err != nil {
		return err
	}
	defer s.close()
	return x.run(ctx, p, sources, s)
}

// execution is one call.
type execution struct {
	request  *sdk.ExecuteRequest
	emit     func(sdk.Event) error
	stop     context.CancelCauseFunc
	progress engine.Progress
	readBack atomic.Int64 // bytes

	turn        sync.Mutex // the progress of one phase is not told within another
	readBackAll int64      // bytes; 0 before the digest phase
}

func (x *execution) run(ctx context.Context, p *plan.Plan, sources sources, s *stage) error {
	quiet := x.beat()
	stats, err := x.compute(ctx, p, sources.readers(), s)
	if err == nil {
		x.phase("sync")
		err = s.sync()
	}
	if err == nil {
		x.digestPhase(s)
		if r := x.request; r.SlowPhase == "digest" {
			err = slow(time.Duration(r.SlowMillis) * time.Millisecond)(ctx)
		}
	}
	if err == nil {
		err = x.digests(ctx, p, s, stats)
	}
	quiet() // nothing is emitted behind Done, or after the return
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	done := &sdk.Done{PeakRSS: peakRSS(), Chunks: stats.Chunks, Missing: stats.Missing}
	for _, a := range stats.Adapters {
		done.Adapters = append(done.Adapters, sdk.AdapterDone{Source: a.Source, Terms: a.Terms, Idle: a.Idle})
	}
	return x.emit(sdk.Event{Done: done})
}

func (x *execution) compute(ctx context.Context, p *plan.Plan, readers map[string]store.Reader, s *stage) (engine.Stats, error) {
	r := x.request
	allowed, err := glob.CompileList(r.AllowNonFinite, '.')
	if err != nil {
		return engine.Stats{}, fmt.Errorf("allow_nonfinite: %w", err)
	}
	job := engine.Job{
		Plan: p, Sources: readers, Sink: s, Memory: r.Memory, Workers: r.Workers,
		AllowNonFinite: func(target string) bool { return allowed.Match(target) != nil },
		FillMissing:    r.FillMissing,
		Measure:        r.Measure,
		Scratch:        s.scratch,
		Progress:       &x.progress,
		Phase:          x.phase,
	}
	if r.SlowMillis > 0 && r.SlowPhase != "digest" {
		job.Tile = slow(time.Duration(r.SlowMillis) * time.Millisecond)
	}
	return engine.Run(ctx, job)
}

// slow makes a tile take at least d.
func slow(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell emits an event; if nobody listens any more, the execution ends.
func (x *execution) tell(e sdk.Event) {
	if err := x.emit(e); err != nil {
		x.stop(fmt.Errorf("the host no longer listens: %w", err))
	}
}

func (x *execution) phase(name string) { x.tell(sdk.Event{Phase: &sdk.Phase{Name: name}}) }

// digestPhase begins the phase whose progress is bytes read back.
func (x *execution) digestPhase(s *stage) {
	x.turn.Lock()
	defer x.turn.Unlock()
	for _, name := range x.request.Digests {
		x.readBackAll += s.files[name].size
	}
	x.phase("digest")
}

// beat tells of the progress until it is told to be quiet.
func (x *execution) beat() (quiet func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		t := time.NewTicker(tick)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				x.count()
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); wg.Wait(); x.count() }
}

func (x *execution) count() {
	x.turn.Lock()
	defer x.turn.Unlock()
	p := &x.progress
	now := sdk.Progress{Read: p.Read.Load(), ReadAll: p.ReadAll.Load(), Written: p.Written.Load(), All: p.All.Load()}
	if x.readBackAll > 0 {
		now = sdk.Progress{Read: x.readBack.Load(), ReadAll: x.readBackAll}
	}
	x.tell(sdk.Event{Progress: &now})
}
