//go:build unix

package store

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRetried(t *testing.T) {
	for _, last := range []error{nil, unix.EIO} {
		calls := 0
		err := retried(func() error {
			if calls++; calls < 4 {
				return unix.EINTR
			}
			return last
		})
		if err != last || calls != 4 {
			t.Errorf("%d calls end in %v, wanted 4 that end in %v", calls, err, last)
		}
	}
}

func TestProduct(t *testing.T) {
	for _, tt := range []struct {
		blocks, size uint64
		want         int64
	}{
		{0, 4096, 0},
		{3, 4096, 12288},
		{1<<63 - 1, 1, math.MaxInt64},
		{1 << 51, 4096, math.MaxInt64},           // 2^63
		{1<<64/4096 + 1, 4096, math.MaxInt64},    // 2^64 + 4096
		{math.MaxUint64, 1 << 20, math.MaxInt64}, // what some network file systems say
	} {
		if got := product(tt.blocks, tt.size); got != tt.want {
			t.Errorf("%d blocks of %d are %d, wanted %d", tt.blocks, tt.size, got, tt.want)
		}
	}
}

// A lock's file that is there already is opened, and is not thought to be ours.
func TestOpenLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	for _, want := range []bool{true, false} {
		f, made, err := openLock(name)
		if err != nil || made != want {
			t.Fatalf("made %v, wanted %v; %v", made, want, err)
		}
		f.Close()
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(filepath.Dir(name), "absent"), link); err != nil {
		t.Fatal(err)
	}
	if f, _, err := openLock(link); err == nil {
		t.Errorf("%s was opened through a link", f.Name())
	}
}

// The buffers of writes past the page cache are those of all files together.
func TestDirectRoomsAreShared(t *testing.T) {
	var files []*directFile
	for range 3 {
		f, err := os.Create(filepath.Join(t.TempDir(), "x"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if d := newDirect(f); d != nil {
			t.Cleanup(func() { d.f.Close() })
			files = append(files, d)
		}
	}
	for _, d := range files {
		if d.rooms != files[0].rooms || cap(d.rooms) != directRooms {
			t.Errorf("a file has rooms of its own, %d", cap(d.rooms))
		}
	}
}
