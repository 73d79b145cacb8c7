package engine

import (
	"fmt"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
)

// Report says what a job needs and how it will be done.
type Report struct {
	Read      int64 // bytes that will be decoded, repeated passes included
	Written   int64 // bytes of the outputs
	Workers   int   // at most so many are busy
	Adapters  int64 // bytes of the adapters' operands, as float32
	Scratch   bool  // they go to a scratch file
	Buffers   int64 // the most that any group needs, bytes
	Groups    int
	Passes    int // the most over any group
	ShortRuns int // groups that write runs shorter than 4 KiB
	Notes     []string
}

// Estimate works out what Run would do, from manifests and chunk lists alone.
func Estimate(p *plan.Plan, sources map[string]store.Reader, memory int64, workers int) (Report, error) {
	w, err := prepare(&Job{Plan: p, Sources: sources, Memory: memory, Workers: workers})
	if err != nil {
		return Report{}, err
	}
	return w.report, nil
}

func (w *work) describe() Report {
	r := Report{Workers: w.workers, Adapters: w.ops.total, Scratch: w.scratch, Groups: len(w.groups), Passes: 1}
	for i := range w.main.targets {
		r.Written += w.main.targets[i].bytes()
	}
	for _, g := range w.before {
		r.Read += g.bytes() * int64(g.plan.passes)
	}
	for _, g := range w.groups {
		r.Read += g.bytes() * int64(g.plan.passes)
		r.Buffers = max(r.Buffers, g.plan.cost)
		r.Passes = max(r.Passes, g.plan.passes)
		if g.plan.run < goodRun {
			r.ShortRuns++
		}
		if g.plan.passes > 1 {
			m := g.members[0]
			r.Notes = append(r.Notes, fmt.Sprintf("%s in source %q is decoded %d times, because %d bytes of its output would have to be held at one time", m.base.name, m.base.from, g.plan.passes, int64(g.plan.window)*int64(g.plan.passes)))
		}
	}
	return r
}
