package worker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// digestBlock is how much is read at one time.
const digestBlock = 1 << 20

// digests reads every file back and tells its digest and those of its tensors,
// both from one pass. What is read comes from the disk where the system can be
// asked for that, not from the memory that was written.
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
	dropCache(f.f)
	r := io.NewSectionReader(f.f, 0, f.size)
	blocks, back, idle := make(chan []byte), make(chan []byte, 2), make(chan struct{})
	back <- make([]byte, digestBlock)
	back <- make([]byte, digestBlock)
	go func() {
		defer close(idle)
		for b := range blocks {
			d.file.Write(b)
			idle <- struct{}{}
		}
	}()
	err := d.blocks(ctx, r, blocks, back, idle)
	close(blocks)
	<-idle
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(d.file.Sum(nil)), nil
}

func (d *digest) blocks(ctx context.Context, r io.Reader, blocks, back chan []byte, idle chan struct{}) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := <-back
		n, err := io.ReadFull(r, b)
		if n > 0 {
			blocks <- b[:n]
			d.tensors(b[:n])
			<-idle
		}
		back <- b
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
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
