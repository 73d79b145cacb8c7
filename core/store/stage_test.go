//go:build unix

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func TestStagePublishes(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "a", "b", "model")
	s, err := NewStage(out, StageOptions{Need: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("assets/x/norm_stats.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	f, err := s.CreateFile("model.safetensors", 5)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := f.Stat(); st.Size() != 5 {
		t.Errorf("size %d before the first byte, wanted 5", st.Size())
	}
	f.Close()
	if _, err := os.Stat(out); err == nil {
		t.Error("the output is there before it is complete")
	}
	if err := s.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, filepath.Dir(out)); len(got) != 1 || got[0] != "model" {
		t.Errorf("beside the output: %v", got)
	}
	if b, err := os.ReadFile(filepath.Join(out, "assets/x/norm_stats.json")); err != nil || string(b) != "{}" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestStageAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStage(filepath.Join(dir, "new", "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestStageRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "model")
	if _, err := NewStage(out, StageOptions{Need: 1 << 60}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("2^60 bytes: %v", err)
	}
	s, err := NewStage(out, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewStage(out, StageOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second stage: %v", err)
	}
	for _, name := range []string{"", "/x", "../x", "a/../b", "a//b", "NUL", "com1.txt", "a\\b", "x:y", "a\x00", "dot.", "a/./b"} {
		if err := s.WriteFile(name, nil); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
	if err := s.WriteFile("A.json", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("a.json", nil); err == nil {
		t.Error("two names that differ in case alone were accepted")
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStage(out, StageOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("an output that exists: %v", err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

// The rename itself decides, whatever was there when the stage began.
func TestStageNeverReplacesUnasked(t *testing.T) {
	out := filepath.Join(t.TempDir(), "model")
	s, err := NewStage(out, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, []byte("theirs"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(context.Background()); !errors.Is(err, ErrExists) {
		t.Errorf("published over a file: %v", err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(out); string(b) != "theirs" {
		t.Errorf("their file holds %q", b)
	}
}

func TestStageForceReplaces(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "model")
	if err := os.MkdirAll(filepath.Join(out, "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(out, StageOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("new", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, out); len(got) != 1 || got[0] != "new" {
		t.Errorf("output holds %v", got)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

// Of many runs with one output, one publishes and the others say why not.
func TestStageRace(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		out := filepath.Join(dir, "model")
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 4 {
			wg.Go(func() {
				s, err := NewStage(out, StageOptions{})
				if err != nil {
					if !errors.Is(err, ErrLocked) && !errors.Is(err, ErrExists) {
						t.Error(err)
					}
					return
				}
				if err := s.WriteFile("x", []byte("1")); err != nil {
					t.Error(err)
				}
				if err := s.Publish(context.Background()); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				won++
				mu.Unlock()
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d runs published", won)
		}
		if got := entries(t, dir); len(got) != 1 {
			t.Fatalf("left behind: %v", got)
		}
	}
}

// What a killed run leaves is taken over by the next one.
func TestStageTakesOver(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{".model.loraconv-stage", ".model.loraconv-stage/assets"} {
		if err := os.Mkdir(filepath.Join(dir, n), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".model.loraconv-lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(filepath.Join(dir, "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := entries(t, s.Dir()); len(got) != 0 {
		t.Errorf("the new stage holds %v", got)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
