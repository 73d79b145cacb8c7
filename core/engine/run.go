package engine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/kernel"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

const (
	// reserve is what the process has resident beside the buffers that are
	// counted: the executable, the Go runtime, manifests, the plan, garbage.
	reserve = 40 << 20
	// perWorker is the room of one worker: four tiles, and the kernel's scratch
	// for ranks up to some thousands; see longScratch for others.
	perWorker = 2 << 20
	// perMeasure is what a worker needs beside that to measure: two tiles in
	// float64.
	perMeasure = 1<<20 + 64<<10
)

// Run executes the job. Its output is a function of the plan and the sources
// alone. The error is, or wraps, diagnostics; or it is the context's.
func Run(ctx context.Context, job Job) (Stats, error) {
	w, err := prepare(&job)
	if err != nil {
		return Stats{}, err
	}
	stats := Stats{Tensors: make([]TensorStats, len(job.Plan.Tensors)), Report: w.report}
	if stats.Missing, err = w.missing(job.FillMissing); err != nil {
		return stats, err
	}
	defer w.arena.close()
	if job.Progress != nil {
		job.Progress.ReadAll.Store(w.report.Read)
		job.Progress.All.Store(w.report.Written)
	}
	found, err := w.adapters(ctx, &job, &stats)
	defer w.closeOperands()
	if err != nil {
		return stats, err
	}
	more, err := w.stream(ctx, &job, &stats)
	if err != nil {
		return stats, err
	}
	found.Append(without(more, found))
	if err := found.Err(); err != nil {
		return stats, err
	}
	return stats, recheck(job.Sources)
}

// without leaves out results that are not finite because an adapter is not.
func without(results, adapters diag.List) diag.List {
	return slices.DeleteFunc(results, func(r *diag.Diagnostic) bool {
		return r.Summary == resultSummary && slices.ContainsFunc(adapters, func(a *diag.Diagnostic) bool { return a.Tensor == r.Tensor })
	})
}

// work is a job that is worked out: what will be read, in which groups, and
// what that needs.
type work struct {
	main, side     *program // outputs; operands
	groups, before []*group // of each
	ops            *operands
	workers        int
	budget         int64 // for the groups
	opsMemory      int64 // operands, or their cache
	scratch        bool
	arena          *arena
	rooms          chan *worker
	report         Report
}

func prepare(job *Job) (*work, error) {
	w := &work{ops: newOperands(), workers: job.Workers, arena: &arena{}}
	if w.workers <= 0 {
		w.workers = runtime.GOMAXPROCS(0)
	}
	memory := job.Memory
	if memory == 0 {
		memory = DefaultMemory
	}
	c := newCompiler(job.Sources)
	c.contract = func(t *plan.Term, leaf tensor.Shape) (*term, error) { return w.ops.contract(t, leaf, c.manifests) }
	c.uses = w.ops.uses
	for i := range job.Plan.Tensors {
		t := &job.Plan.Tensors[i]
		pieces, err := plan.Lower(t.Expr, c.manifests)
		if err != nil {
			return nil, invalid(t.Name, err)
		}
		if err := c.add(target{name: t.Name, dtype: t.DType, elements: t.Shape.Elements()}, pieces); err != nil {
			return nil, err
		}
	}
	w.main = c.finish()
	if placed, ok := job.Sink.(Placed); ok {
		for i := range w.main.targets {
			w.main.targets[i].phase = placed.Phase(i)
		}
	}
	var err error
	if w.side, err = w.ops.program(job.Sources); err != nil {
		return nil, err
	}
	if job.budget == 0 { // more could not all have their room
		w.workers = max(1, min(w.workers, int((memory-reserve)/w.perWorker(job))))
	}
	for {
		err := w.schedule(memory, job)
		if err == nil {
			break
		}
		if w.workers == 1 {
			return nil, err
		}
		w.workers -= 1 + w.workers/16 // the first rung
	}
	w.report = w.describe()
	return w, nil
}

// perWorker is what each worker takes of the memory.
func (w *work) perWorker(job *Job) int64 {
	n := perWorker + w.main.longScratch()
	if job.Measure {
		n += perMeasure
	}
	return n
}

// schedule divides the memory and chooses the groups' schedules.
func (w *work) schedule(memory int64, job *Job) error {
	all := memory - reserve - int64(w.workers)*w.perWorker(job)
	if job.budget != 0 {
		all = job.budget
	}
	// What of the operands has to be in memory at the very least.
	floor := min(w.ops.total, int64(w.workers)*w.main.largestUnit(w.ops))
	w.opsMemory, w.scratch = w.ops.total, false
	if w.ops.total > all/3 {
		w.opsMemory, w.scratch = max(all/4, floor), true
	}
	w.budget = all - w.opsMemory
	var m, m2 *memoryError
	w.groups, m = scheduled(w.main, w.budget, w.workers, job.slab)
	w.before, m2 = scheduled(w.side, w.budget, w.workers, job.slab)
	if m == nil || m2 != nil && m2.need > m.need {
		m = m2
	}
	if m == nil {
		return nil
	}
	// Two thirds of all are for the groups, whatever becomes of the operands.
	m.need = max(m.need+floor, m.need+(m.need+1)/2) - all
	m.Detail += fmt.Sprintf("; %d bytes more would do", m.need)
	return m
}

// scheduled groups the chunks of p and gives each group its schedule: linked
// for long runs if that fits, else for shorter ones, else not at all. An error
// is that of the group that needs most.
func scheduled(p *program, budget int64, workers, slab int) ([]*group, *memoryError) {
	var worst *memoryError
	for _, run := range []int{goodRun, fairRun, 0} {
		groups := p.groups(run)
		l := newLadder(p, budget, workers, slab)
		worst = nil
		for _, g := range groups {
			if err := l.choose(g); err != nil && (worst == nil || err.need > worst.need) {
				worst = err
			}
		}
		if worst == nil {
			return groups, nil
		}
	}
	return nil, worst
}

// largestUnit is the most bytes of operands that one unit needs.
func (p *program) largestUnit(o *operands) int64 {
	most := int64(0)
	for _, b := range p.bases {
		for _, u := range b.units {
			n := int64(0)
			for _, t := range u.terms {
				n += 4 * int64(o.list[t.rows].layout.elements()+o.list[t.cols].layout.elements())
			}
			most = max(most, n)
		}
	}
	return most
}

// longScratch is what the kernel's scratch for the longest contraction takes
// beyond what perWorker has for it, in bytes.
func (p *program) longScratch() int64 {
	const counted = 512 << 10
	longest := 0
	for _, b := range p.bases {
		for _, u := range b.units {
			for _, t := range u.terms {
				longest = max(longest, t.k)
			}
		}
	}
	return max(0, 4*int64(kernel.MergeScratch(longest))-counted)
}

func (w *work) missing(allowed bool) (int, error) {
	n, ds := w.main.missing(w.groups, allowed)
	m, more := w.side.missing(w.before, allowed)
	ds.Append(more)
	ds.Sort()
	return n + m, ds.Err()
}

// executor makes the executor of a program.
func (w *work) executor(ctx context.Context, job *Job, p *program) *executor {
	e := &executor{p: p, workers: w.workers, budget: w.budget, arena: w.arena, ops: w.ops, tileFn: job.Tile, progress: job.Progress, measures: job.Measure}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	if w.rooms == nil {
		w.rooms = make(chan *worker, w.workers)
		for range w.workers {
			w.rooms <- newWorker()
		}
	}
	e.rooms = w.rooms
	w.arena.limit = int(w.budget + w.opsMemory)
	return e
}

// adapters is the first phase: the operands.
func (w *work) adapters(ctx context.Context, job *Job, stats *Stats) (diag.List, error) {
	if len(w.ops.list) == 0 {
		return nil, nil
	}
	if job.Phase != nil {
		job.Phase("adapters")
	}
	if w.scratch {
		if job.Scratch == nil {
			return nil, scratchFault(fmt.Errorf("the adapters need %d bytes and there is no place for a scratch file", w.ops.total))
		}
		var err error
		if w.ops.scratch, err = job.Scratch(); err != nil {
			return nil, scratchFault(err)
		}
		w.ops.cache.arena, w.ops.cache.limit = w.arena, w.opsMemory
	} else {
		var err error
		if w.ops.memory, err = w.arena.get(int(w.ops.total)); err != nil {
			return nil, err
		}
	}
	e := w.executor(ctx, job, w.side)
	defer e.cancel(nil)
	e.tally = newTally(len(w.side.targets), job.AllowNonFinite)
	e.sink = w.ops.write
	if err := e.run(w.before); err != nil {
		return nil, err
	}
	stats.Chunks += int(e.chunks.Load())
	stats.Adapters = w.idle()
	faults := e.tally.faults(w.side, func(i int) []string {
		var names []string
		for t := range w.ops.list[i].users {
			names = append(names, w.main.targets[t].name)
		}
		sort.Strings(names)
		return names
	})
	return faults, w.ops.sums(sumRoom)
}

// stream is the second phase: the bases.
func (w *work) stream(ctx context.Context, job *Job, stats *Stats) (diag.List, error) {
	if job.Phase != nil {
		job.Phase("stream")
	}
	e := w.executor(ctx, job, w.main)
	defer e.cancel(nil)
	e.tally = newTally(len(w.main.targets), job.AllowNonFinite)
	e.sink, e.outputs = job.Sink.WriteAt, true
	if err := e.fills(job.Sink.Fresh()); err != nil {
		return nil, err
	}
	if err := e.run(w.groups); err != nil {
		return nil, err
	}
	stats.Chunks += int(e.chunks.Load())
	for i := range stats.Tensors {
		stats.Tensors[i].NonFinite = e.tally.values[i]
		if job.Measure {
			e.tally.measures[i].stats(&stats.Tensors[i])
		}
	}
	return e.tally.faults(w.main, func(i int) []string { return []string{w.main.targets[i].name} }), nil
}

func (w *work) closeOperands() {
	w.ops.cache.clear()
	w.arena.put(w.ops.memory)
	if w.ops.scratch != nil {
		_ = w.ops.scratch.Close()
	}
}

// recheck asks all sources whether they changed.
func recheck(sources map[string]store.Reader) error {
	var ds diag.List
	names := make([]string, 0, len(sources))
	for n := range sources {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if err := sources[n].Recheck(); err != nil {
			ds.Errorf(diag.Changed, CodeChanged, "A source changed during the run", "source %q: %v; run again when nothing writes to it", n, err)
		}
	}
	return ds.Err()
}

func scratchFault(err error) error {
	return wrapped{diag.New(diag.Output, CodeScratch, "The scratch file of the adapters cannot be used",
		"%v; make room beside the output, or allow so much memory that the adapters fit", err), err}
}
