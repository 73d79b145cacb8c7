package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// An error stays: later writes and the sync have it, too.
func TestWindowedFileKeepsErrors(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	w := NewWindowedFile(full)
	_, first := w.WriteAt([]byte("x"), 0)
	if first == nil {
		t.Fatal("/dev/full took a byte")
	}
	if _, err := w.WriteAt(nil, 0); !errors.Is(err, first) {
		t.Errorf("the next write: %v", err)
	}
	if err := w.Sync(); !errors.Is(err, first) {
		t.Errorf("the sync: %v", err)
	}
}

// What the disk says of a window's write-back is kept: a sync no longer hears it.
func TestWindowedFileKeepsErrorsOfWriteback(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWindowedFile(f)
	if _, err := w.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	w.turn() // begins it
	if err := errors.Join(w.failed, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	w.turn() // waits for it
	if !errors.Is(w.failed, unix.EBADF) {
		t.Errorf("the write-back of a file that is closed: %v", w.failed)
	}
}

// A disk that is full when the room is allocated.
func TestCreateFileBeyondTheDisk(t *testing.T) {
	s, err := NewStage(filepath.Join(t.TempDir(), "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := s.CreateFile("big", 1<<61); err == nil {
		t.Errorf("%s was created", f.Name())
	} else if !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v, wanted ErrNoSpace", err)
	}
	if _, err := s.CreateFile("negative", -1); err == nil {
		t.Error("a negative size was accepted")
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
}
