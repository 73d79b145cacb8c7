package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// executor runs the groups of a program.
type executor struct {
	p        *program
	ctx      context.Context
	cancel   context.CancelCauseFunc
	workers  int
	budget   int64
	arena    *arena
	rooms    chan *worker // one for each worker: whoever holds one may compute
	ops      *operands    // of the terms
	tally    *tally
	outputs  bool // what is made is the job's output: it is measured and counted
	measures bool // Job.Measure
	sink     func(target int, off int64, p []byte) error
	tileFn   func(context.Context) error

	progress *Progress
	chunks   atomic.Int64
}

// run executes groups, which have their schedules: the largest first, as many
// at one time as the budget and the workers allow.
func (e *executor) run(groups []*group) error {
	var wg sync.WaitGroup
	done := make(chan int64)
	left, active := e.budget, 0
	waiting := append([]*group(nil), groups...)
	for len(waiting) > 0 || active > 0 {
		if e.ctx.Err() != nil {
			waiting = nil
		}
		next := -1
		for i, g := range waiting {
			if g.plan.cost <= left && active < e.workers {
				next = i
				break
			}
		}
		if next < 0 {
			if active == 0 {
				e.cancel(errors.New("engine: a group was scheduled beyond the budget"))
				break
			}
			left += <-done
			active--
			continue
		}
		g := waiting[next]
		waiting = append(waiting[:next], waiting[next+1:]...)
		left -= g.plan.cost
		active++
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := e.group(g); err != nil {
				e.cancel(err)
			}
			done <- g.plan.cost
		}()
	}
	wg.Wait()
	return e.err()
}

// err is what ended the run early.
func (e *executor) err() error {
	if e.ctx.Err() == nil {
		return nil
	}
	return context.Cause(e.ctx)
}

func (e *executor) write(target int, off int64, p []byte) error {
	if err := e.err(); err != nil {
		return err
	}
	if err := e.sink(target, off, p); err != nil {
		return writeFault(e.p.targets[target].name, err)
	}
	if e.progress != nil && e.outputs {
		e.progress.Written.Add(int64(len(p)))
	}
	return nil
}

// enter waits for a room: no more than workers goroutines decode or compute.
func (e *executor) enter() (*worker, error) {
	select {
	case k := <-e.rooms:
		return k, nil
	case <-e.ctx.Done():
		return nil, e.err()
	}
}

func (e *executor) leave(k *worker) { e.rooms <- k }

// hook is called once a tile.
func (e *executor) hook() error {
	if e.tileFn != nil {
		if err := e.tileFn(e.ctx); err != nil {
			return err
		}
	}
	return e.err()
}
