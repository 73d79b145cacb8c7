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
		plain := &readBack{f: f, size: int64(size), full: make(chan readBlock), empty: make(chan []byte, 1)}
		plain.empty <- make([]byte, readBackBlock)
		go plain.read(t.Context())
		got = got[:0]
		for b := range plain.full {
			if b.err != nil {
				t.Error(b.err)
			}
			got = append(got, b.data...)
			plain.empty <- b.data[:cap(b.data)]
		}
		if !bytes.Equal(got, data[:size]) {
			t.Errorf("%d bytes through the cache: %d read, or other bytes", size, len(got))
		}
		f.Close()
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
