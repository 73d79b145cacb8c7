package worker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
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
		d := &digest{stage: s, order: order, file: sha256.New(), tensor: sha256.New()}
		d.done = func(i int, sum string) {
			told[i] = true
			x.tell(sdk.Event{Tensor: tensorDone(i, sum, &stats.Tensors[i])})
		}
		sum, err := d.read(ctx, f)
		if err != nil {
			return outputFault(fmt.Errorf("%s: its digest cannot be read back: %w", name, err))
		}
		x.tell(sdk.Event{File: &sdk.FileDone{File: name, Bytes: f.size, SHA256: sum}})
	}
	for i := range p.Tensors {
		if !told[i] {
			x.tell(sdk.Event{Tensor: tensorDone(i, "", &stats.Tensors[i])})
		}
	}
	return ctx.Err()
}

func tensorDone(i int, sum string, s *engine.TensorStats) *sdk.TensorDone {
	return &sdk.TensorDone{Index: i, SHA256: sum, NonFinite: s.NonFinite, DeltaNorm: s.DeltaNorm, BaseNorm: s.BaseNorm}
}

// digest is one file that is read back. The file's own hash runs beside those
// of its tensors.
type digest struct {
	stage        *stage
	order        []int // of tensors, as they lie
	file, tensor hash.Hash
	at           int64 // in the file
	done         func(tensor int, sum string)
}

func (d *digest) read(ctx context.Context, f *stageFile) (string, error) {
	blocks, idle := make(chan []byte), make(chan struct{})
	go func() {
		defer close(idle)
		for b := range blocks {
			d.file.Write(b)
			idle <- struct{}{}
		}
	}()
	err := store.ReadBack(ctx, f.f, f.size, func(b []byte) {
		blocks <- b
		d.tensors(b)
		<-idle
	})
	close(blocks)
	<-idle
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(d.file.Sum(nil)), nil
}

// tensors hashes what of b belongs to tensors, in the order of their places.
func (d *digest) tensors(b []byte) {
	for len(d.order) > 0 {
		t := &d.stage.targets[d.order[0]]
		from := max(t.offset-d.at, 0)
		if from >= int64(len(b)) && t.bytes > 0 {
			break
		}
		to := min(t.offset+t.bytes-d.at, int64(len(b)))
		if from < to {
			d.tensor.Write(b[from:to])
		}
		if t.offset+t.bytes > d.at+int64(len(b)) {
			break
		}
		d.done(d.order[0], hex.EncodeToString(d.tensor.Sum(nil)))
		d.tensor.Reset()
		d.order = d.order[1:]
	}
	d.at += int64(len(b))
}
