package worker

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/sdk"
)

// digests reads every file back and tells its digest and those of its tensors,
// both from one pass. Several files are read at a time, so that a model in
// shards keeps all workers busy here as well.
func (x *execution) digests(ctx context.Context, p *plan.Plan, s *stage, stats engine.Stats) error {
	told := make([]bool, len(p.Tensors))
	files := make([]*stageFile, len(x.request.Digests))
	orders := make([][]int, len(files))
	for i, name := range x.request.Digests {
		files[i] = s.files[name]
		orders[i] = s.order(files[i])
		if err := s.apart(orders[i]); err != nil {
			return err
		}
		for _, t := range orders[i] {
			told[t] = true
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(x.readers())
	for i, f := range files {
		group.Go(func() error {
			sum, err := s.digest(ctx, f, orders[i], &x.readBack, func(t int, d receipt.Digest) {
				done := x.tensorDone(t, &stats.Tensors[t])
				done.SHA256, done.Zero = d.SHA256, d.Zero
				x.tell(sdk.Event{Tensor: done})
			})
			if err != nil {
				return outputFault(fmt.Errorf("%s: its digest cannot be read back: %w", f.name, err))
			}
			x.tell(sdk.Event{File: &sdk.FileDone{File: f.name, Bytes: f.size, SHA256: sum}})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range told {
		if !told[i] {
			x.tell(sdk.Event{Tensor: x.tensorDone(i, &stats.Tensors[i])})
		}
	}
	return nil
}

// readers is how many files are read back at a time: one for each worker, as far
// as their blocks fit a quarter of the memory.
func (x *execution) readers() int {
	workers := x.request.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	fit := x.request.Memory / 4 / store.ReadBackMemory
	return int(max(1, min(int64(workers), fit)))
}

func (x *execution) tensorDone(i int, s *engine.TensorStats) *sdk.TensorDone {
	out := &sdk.TensorDone{Index: i, NonFinite: s.NonFinite}
	if x.request.Measure {
		out.Measured = &sdk.Measured{Drift: s.Drift, BaseNorm: s.BaseNorm, DeltaNorm: s.DeltaNorm, Retention: s.Retention}
	}
	return out
}

// order lists the tensors of f as they lie.
func (s *stage) order(f *stageFile) []int {
	var order []int
	for i := range s.targets {
		if s.targets[i].file == f {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.targets[a].offset, s.targets[b].offset), cmp.Compare(s.targets[a].bytes, s.targets[b].bytes))
	})
	return order
}

// apart refuses tensors that overlap.
func (s *stage) apart(order []int) error {
	for i := range order[min(1, len(order)):] {
		a, b := &s.targets[order[i]], &s.targets[order[i+1]]
		if b.offset < a.offset+a.bytes {
			return request("tensors %d and %d overlap in %q: one takes %d bytes at %d, the other begins at %d", order[i], order[i+1], a.file.name, a.bytes, a.offset, b.offset)
		}
	}
	return nil
}

// digest reads f back, counts the bytes in read, tells done of each tensor in
// order, and returns the digest of all of it.
func (s *stage) digest(ctx context.Context, f *stageFile, order []int, read *atomic.Int64, done func(tensor int, d receipt.Digest)) (string, error) {
	stretches := make([]receipt.Stretch, len(order))
	for i, t := range order {
		stretches[i] = receipt.Stretch{Offset: s.targets[t].offset, Bytes: s.targets[t].bytes}
	}
	d := receipt.NewDigester(stretches, func(i int, sum receipt.Digest) { done(order[i], sum) })
	add := func(b []byte) {
		d.Add(b)
		read.Add(int64(len(b)))
	}
	if err := store.ReadBack(ctx, f.f, f.size, add); err != nil {
		return "", err
	}
	return d.Sum(), nil
}
