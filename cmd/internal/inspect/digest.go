package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
)

// digest reads all values of a tree and sets the digests of out, which is in
// the manifest's order. The error is that of the first parameter that has one.
func (r *reader) digest(t store.Reader, m *manifest.Manifest, out *Tree) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	errs := make([]error, len(m.Tensors))
	work := make(chan int)
	meter := &meter{all: m.Bytes(), tell: r.o.Progress}
	var wg sync.WaitGroup
	for range min(4, runtime.GOMAXPROCS(0), len(m.Tensors)) {
		wg.Go(func() {
			for i := range work {
				out.Tensors[i].SHA256, errs[i] = sum(ctx, t, &m.Tensors[i], meter)
				if errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range m.Tensors {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := first(errs); err != nil {
		return err
	}
	return t.Recheck()
}

// first returns the first error that is not the echo of another's.
func first(errs []error) error {
	var echo error
	for _, err := range errs {
		switch {
		case err == nil:
		case err == context.Canceled:
			echo = err
		default:
			return err
		}
	}
	return echo
}

// sum hashes one parameter.
func sum(ctx context.Context, t store.Reader, p *manifest.Tensor, tell *meter) (string, error) {
	f, err := store.Flat(ctx, t, p.Name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(h, tell), f, make([]byte, 256<<10))
	if ctx.Err() != nil {
		return "", context.Canceled
	}
	if err != nil {
		return "", err
	}
	if want := int64(p.Shape.Elements()) * int64(p.DType.Size()); n != want {
		return "", fmt.Errorf("parameter %q: %d bytes, wanted %d: %w", p.Name, n, want, store.ErrCorrupt)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// meter counts bytes of all goroutines.
type meter struct {
	mu   sync.Mutex
	done int64
	all  int64
	tell func(done, all int64)
}

func (m *meter) Write(p []byte) (int, error) {
	if m.tell == nil {
		return len(p), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += int64(len(p))
	m.tell(m.done, m.all)
	return len(p), nil
}
