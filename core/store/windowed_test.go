package store

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever the order, the sizes and the window, the file holds what was written.
func TestWindowedFile(t *testing.T) {
	const size = 1 << 20
	for _, window := range []int64{1, 4096, 100_000, 1 << 30} {
		r := rand.New(rand.NewPCG(1, uint64(window)))
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		f, err := os.Create(filepath.Join(t.TempDir(), "x"))
		if err != nil {
			t.Fatal(err)
		}
		w := NewWindowedFile(f)
		w.window = window
		var cuts []span
		for at := int64(0); at < size; {
			n := min(1+r.Int64N(9000), size-at)
			cuts = append(cuts, span{at, at + n})
			at += n
		}
		r.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		var wg sync.WaitGroup
		for half := range 2 {
			wg.Go(func() {
				for i := half; i < len(cuts); i += 2 {
					if n, err := w.WriteAt(want[cuts[i].from:cuts[i].to], cuts[i].from); err != nil || int64(n) != cuts[i].to-cuts[i].from {
						t.Error(n, err)
					}
				}
			})
		}
		wg.Wait()
		if err := w.Sync(); err != nil {
			t.Error(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("window %d: the file differs, %v", window, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJoin(t *testing.T) {
	const gap = 64 << 10
	got := join([]span{{5 * gap, 6 * gap}, {0, 10}, {10, 20}, {15, 18}, {20 + gap, 2 * gap}})
	want := []span{{0, 2 * gap}, {5 * gap, 6 * gap}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}
