package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Every size that ends at, before and behind the borders of blocks, with and
// without passing the page cache.
func TestReadBack(t *testing.T) {
	data := make([]byte, 3*readBackBlock+directBlock+5)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	for _, size := range []int{0, 1, directBlock - 1, directBlock, directBlock + 1, readBackBlock, readBackBlock + directBlock, 2*readBackBlock - 1, len(data)} {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, data[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		if err := ReadBack(t.Context(), f, int64(size), func(b []byte) { got = append(got, b...) }); err != nil || !bytes.Equal(got, data[:size]) {
			t.Errorf("%d bytes: %d read, %v", size, len(got), err)
		}
		if err := ReadBack(t.Context(), f, int64(size)+1, func([]byte) {}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes where one more is wanted: %v", size, err)
		}
		// Through the cache: for want of another way, and as that way refuses memory
		// that begins anywhere.
		for shift, direct := range []*os.File{nil, openDirect(f, os.O_RDONLY)} {
			r := &readBack{f: f, direct: direct, size: int64(size), full: make(chan readBlock), empty: make(chan []byte, 1)}
			r.empty <- aligned(readBackBlock + shift)[shift:]
			go r.read(t.Context())
			got = got[:0]
			for b := range r.full {
				if b.err != nil {
					t.Error(b.err)
				}
				got = append(got, b.data...)
				clear(b.data)
				r.empty <- b.data[:cap(b.data)]
			}
			if !bytes.Equal(got, data[:size]) {
				t.Errorf("%d bytes through the cache: %d read, or other bytes", size, len(got))
			}
			if r.direct != nil {
				_ = r.direct.Close()
			}
		}
		f.Close()
	}
}

// A block stays as it is for as long as it is handed out, whatever is read meanwhile.
func TestReadBackLeavesBlocksAlone(t *testing.T) {
	const blocks = 2 * readBackAhead
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range byte(blocks) {
		if _, err := f.Write(bytes.Repeat([]byte{i}, readBackBlock)); err != nil {
			t.Fatal(err)
		}
	}
	next := byte(0)
	err = ReadBack(t.Context(), f, blocks*readBackBlock, func(b []byte) {
		time.Sleep(30 * time.Millisecond) // the reader fills what it can get
		if n := bytes.Count(b, []byte{next}); n != readBackBlock {
			t.Errorf("block %d: %d of its bytes are other ones", next, readBackBlock-n)
		}
		next++
	})
	if err != nil || next != blocks {
		t.Errorf("%d blocks, %v", next, err)
	}
}

func TestReadBackEnds(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err = ReadBack(ctx, f, 64<<20, func([]byte) {
		calls++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || calls > 2+readBackAhead {
		t.Errorf("%d blocks after it was ended, %v", calls, err)
	}
}
