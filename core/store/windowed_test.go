package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever the order, the sizes and the window, the file holds what was written;
// and so whatever part of it goes past the page cache.
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

// Large writes and small ones, side by side in the same blocks: from where they
// lie, and by way of another buffer.
func TestWindowedFileDirect(t *testing.T) {
	for _, shift := range []int{0, 1} {
		t.Run(fmt.Sprint("shift ", shift), func(t *testing.T) { writeDirect(t, shift) })
	}
}

func writeDirect(t *testing.T, shift int) {
	const size = 16 << 20
	r := rand.New(rand.NewPCG(3, 4))
	want := aligned(size + shift)[shift:]
	for i := range want {
		want[i] = byte(r.Uint32())
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := allocate(f, size); err != nil {
		t.Fatal(err)
	}
	w := NewWindowedFile(f)
	if w.direct.Load() == nil {
		t.Log("nothing passes the page cache here")
	}
	var cuts []span
	for at := int64(0); at < size; {
		n := 1 + r.Int64N(3*directBlock)
		if r.IntN(3) > 0 {
			n = directLeast + r.Int64N(5*directRoom/2)
		}
		n = min(n, size-at)
		cuts = append(cuts, span{at, at + n})
		at += n
	}
	r.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < len(cuts); i += 4 {
				if n, err := w.WriteAt(want[cuts[i].from:cuts[i].to], cuts[i].from); err != nil || int64(n) != cuts[i].to-cuts[i].from {
					t.Error(n, err)
				}
			}
		})
	}
	wg.Wait()
	for _, done := range []func() error{w.Sync, w.Close} {
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	var got []byte
	if err := ReadBack(t.Context(), f, size, func(b []byte) { got = append(got, b...) }); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file on the disk differs, %v", err)
	}
	if got, err = os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file in the cache differs, %v", err)
	}
}

// A sync is told by the file, not by what was written: here there is nothing.
func TestWindowedFileSyncs(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWindowedFile(f)
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file that cannot be synced: %v", err)
	}
}

// An error of a write past the cache is kept.
func TestWindowedFileDirectFails(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unwritable, err := os.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	w := withDirect(t, f, unwritable, nil)
	if _, err := w.WriteAt(make([]byte, directLeast), 0); err == nil {
		t.Error("a failed write is not told")
	}
	if err := w.Sync(); err == nil {
		t.Error("a failed write is forgotten by the sync")
	}
}

// What is refused goes through the cache, whole: here an address in memory that
// is no multiple of anything.
func TestWindowedFileDirectRefused(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := openDirect(f, os.O_WRONLY)
	if g == nil {
		t.Log("nothing passes the page cache here")
		return
	}
	w := withDirect(t, f, g, aligned(directRoom + 1)[1:])
	want := aligned(1_500_001)[1:]
	copy(want, bytes.Repeat([]byte("0123456789abcde"), 100_000))
	if n, err := w.WriteAt(want, 0); n != len(want) || err != nil {
		t.Error(n, err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file differs, %v", err)
	}
	if err := w.Sync(); err != nil {
		t.Error(err)
	}
}

// withDirect makes g, which it will close, the way past the cache.
func withDirect(t *testing.T, f, g *os.File, room []byte) *WindowedFile {
	t.Helper()
	t.Cleanup(func() { g.Close() })
	w := NewWindowedFile(f)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d := &directFile{f: g, rooms: make(chan []byte, 1)}
	d.rooms <- room
	w.direct.Store(d)
	return w
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		off                   int64
		n, head, blocks, tail int
	}{
		{0, 8192, 0, 8192, 0},
		{0, 8193, 0, 8192, 1},
		{1, 8192, 4095, 4096, 1},
		{4095, 8192, 1, 4096, 4095},
		{4097, 100, 100, 0, 0},
		{4000, 4191, 96, 0, 4095},
		{1<<40 + 8, 4088, 4088, 0, 0},
	} {
		head, blocks := split(c.off, c.n)
		if tail := c.n - head - blocks; head != c.head || blocks != c.blocks || tail != c.tail {
			t.Errorf("%d bytes at %d: %d, %d and %d", c.n, c.off, head, blocks, tail)
		}
	}
}

func TestJoin(t *testing.T) {
	const gap = 64 << 10
	got := join([]span{{5 * gap, 6 * gap}, {0, 10}, {10, 20}, {15, 18}, {20 + gap, 2 * gap}}, gap)
	want := []span{{0, 2 * gap}, {5 * gap, 6 * gap}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}
