package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
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
