package worker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/twinhash"
	"github.com/loraconv/loraconv/sdk"
)

// digests reads every file back and tells its digest and those of its tensors,
// both from one pass.
func (x *execution) digests(ctx context.Context, p *plan.Plan, s *stage, stats engine.Stats) error {
	told := make([]bool, len(p.Tensors))
	for _, name := range x.request.Digests {
		f := s.files[name]
		var order []int
		for i := range s.targets {
			if s.targets[i].file == f {
				order = append(order, i)
			}
		}
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(s.targets[a].offset, s.targets[b].offset), cmp.Compare(s.targets[a].bytes, s.targets[b].bytes))
		})
		if err := s.apart(order); err != nil {
			return err
		}
		d := &digest{stage: s, order: order, twin: twinhash.New(), zero: true}
		d.done = func(i int, sum string, zero bool) {
			told[i] = true
			done := x.tensorDone(i, sum, &stats.Tensors[i])
			done.Zero = zero
			x.tell(sdk.Event{Tensor: done})
		}
		sum, err := d.read(ctx, f)
		if err != nil {
			return outputFault(fmt.Errorf("%s: its digest cannot be read back: %w", name, err))
		}
		x.tell(sdk.Event{File: &sdk.FileDone{File: name, Bytes: f.size, SHA256: sum}})
	}
	for i := range p.Tensors {
		if !told[i] {
			x.tell(sdk.Event{Tensor: x.tensorDone(i, "", &stats.Tensors[i])})
		}
	}
	return ctx.Err()
}

func (x *execution) tensorDone(i int, sum string, s *engine.TensorStats) *sdk.TensorDone {
	out := &sdk.TensorDone{Index: i, SHA256: sum, NonFinite: s.NonFinite}
	if x.request.Measure {
		out.Measured = &sdk.Measured{Drift: s.Drift, BaseNorm: s.BaseNorm, DeltaNorm: s.DeltaNorm, Retention: s.Retention}
	}
	return out
}

// digest is one file that is read back.
type digest struct {
	stage *stage
	order []int // of tensors, as they lie
	twin  *twinhash.Twin
	at    int64 // in the file
	zero  bool  // no byte of the tensor at hand was other than zero so far
	done  func(tensor int, sum string, zero bool)
}

func (d *digest) read(ctx context.Context, f *stageFile) (string, error) {
	if err := store.ReadBack(ctx, f.f, f.size, d.block); err != nil {
		return "", err
	}
	sum := d.twin.Sum()
	return hex.EncodeToString(sum[:]), nil
}

// block hashes b, the next bytes of the file: what belongs to tensors, in the
// order of their places, and what lies between them.
func (d *digest) block(b []byte) {
	for len(d.order) > 0 {
		t := &d.stage.targets[d.order[0]]
		if from := min(max(t.offset-d.at, 0), int64(len(b))); from > 0 {
			d.twin.Between(b[:from])
			d.at, b = d.at+from, b[from:]
		}
		if len(b) == 0 && t.bytes > 0 {
			return
		}
		n := min(t.offset+t.bytes-d.at, int64(len(b)))
		d.twin.Part(b[:n])
		d.zero = d.zero && len(bytes.TrimLeft(b[:n], "\x00")) == 0
		d.at, b = d.at+n, b[n:]
		if d.at < t.offset+t.bytes {
			return
		}
		sum := d.twin.EndPart()
		d.done(d.order[0], hex.EncodeToString(sum[:]), d.zero)
		d.zero = true
		d.order = d.order[1:]
	}
	d.twin.Between(b)
	d.at += int64(len(b))
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
