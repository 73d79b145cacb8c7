//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What must be durable is, before the name appears; then the name is.
func TestPublishOrder(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "a", "model")
	var calls []string
	s, err := newStage(out, StageOptions{}, func(op, name string) error {
		rel, _ := filepath.Rel(parent, name)
		calls = append(calls, op+" "+filepath.ToSlash(rel))
		return nil
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("x/y/z", []byte("1")); err != nil {
		t.Fatal(err)
	}
	f, err := s.CreateFile("w", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	calls = nil
	if err := s.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
	const stage = "a/.model.loraconv-stage"
	want := []string{
		"fsync " + stage + "/w", "close " + stage + "/w",
		"fsync " + stage + "/x/y/z", "close " + stage + "/x/y/z",
		"fsync " + stage + "/x/y", "fsync " + stage + "/x", "fsync " + stage,
		"chmod " + stage, "fsync " + stage,
		"rename " + stage,
		"fsync a", "fsync .",
		"unlock a/.model.loraconv-lock",
	}
	if d := cmp.Diff(want, calls); d != "" {
		t.Error(d)
	}
}

// The directory and its files have the modes that the umask leaves, and until
// then nobody else can look in.
func TestPublishModes(t *testing.T) {
	for _, mask := range []int{0o022, 0o077, 0} {
		func() {
			defer syscall.Umask(syscall.Umask(mask))
			out := filepath.Join(t.TempDir(), "model")
			s, err := NewStage(out, StageOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.WriteFile("sub/x", nil); err != nil {
				t.Fatal(err)
			}
			if st, err := os.Stat(s.Dir()); err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("umask %o: the stage is %v, %v", mask, st.Mode(), err)
			}
			if err := s.Publish(context.Background()); err != nil {
				t.Fatal(err)
			}
			for name, mode := range map[string]int{"": 0o755, "sub": 0o755, "sub/x": 0o644} {
				st, err := os.Stat(filepath.Join(out, name))
				if err != nil || int(st.Mode().Perm()) != mode&^mask {
					t.Errorf("umask %o: %q is %v, wanted %o, %v", mask, name, st.Mode(), mode&^mask, err)
				}
			}
		}()
	}
}

// A run that is killed between the two renames has left no output; the next
// one puts the old one back before it does anything else.
func TestStageRestores(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "model")
	if err := os.MkdirAll(filepath.Join(dir, ".model.loraconv-old"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".model.loraconv-old", "theirs"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStage(out, StageOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("after restoring: %v, wanted ErrExists", err)
	}
	if got := files(t, out); !equal(got, map[string]string{"theirs": "1"}) {
		t.Errorf("restored: %v", got)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"model"}) {
		t.Errorf("left: %v", got)
	}
}

func TestStageSaysThatItTookOver(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "model")
	for _, stale := range []bool{false, true} {
		if stale {
			if err := os.MkdirAll(filepath.Join(dir, ".model.loraconv-stage", "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		s, err := NewStage(out, StageOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if s.TookOver() != stale {
			t.Errorf("TookOver is %v, wanted %v", s.TookOver(), stale)
		}
		if err := s.Abort(); err != nil {
			t.Fatal(err)
		}
	}
}

// A link under one of our hidden names is not followed.
func TestStageFollowsNoPlantedLinks(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.MkdirAll(victim, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(victim, "x"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, ".model.loraconv-stage")); err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(filepath.Join(dir, "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile("y", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := files(t, victim); !equal(got, map[string]string{"x": "1"}) {
		t.Errorf("the link's target holds %v", got)
	}
	if err := os.Symlink(filepath.Join(victim, "x"), filepath.Join(dir, ".model.loraconv-lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStage(filepath.Join(dir, "model"), StageOptions{}); err == nil {
		t.Error("a lock that is a link was taken")
	}
	if got := files(t, victim); !equal(got, map[string]string{"x": "1"}) {
		t.Errorf("the link's target holds %v", got)
	}
}

func TestPublishRefusesStrangers(t *testing.T) {
	s, err := NewStage(filepath.Join(t.TempDir(), "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(context.Background()); err == nil || !strings.Contains(err.Error(), `"left" is there`) {
		t.Errorf("a file that nobody created was published: %v", err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
}

func TestPublishCancelled(t *testing.T) {
	out := filepath.Join(t.TempDir(), "model")
	s, err := NewStage(out, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Publish(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, filepath.Dir(out)); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestCopyFile(t *testing.T) {
	from := t.TempDir()
	for name, data := range map[string]string{"a.json": "{}", "empty": ""} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(from, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.json", filepath.Join(from, "in")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(from, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s, err := NewStage(filepath.Join(t.TempDir(), "model"), StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Abort(); err != nil {
			t.Error(err)
		}
	}()
	// The digests are sha256sum's.
	const braces = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	for _, c := range []struct {
		from, to, sum string
		n             int64
	}{
		{"a.json", "x/a.json", braces, 2},
		{"in", "x/in.json", braces, 2},
		{"empty", "empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0},
	} {
		sum, n, err := s.CopyFile(t.Context(), c.to, root, c.from)
		if err != nil || sum != c.sum || n != c.n {
			t.Errorf("%s: %s, %d, %v", c.from, sum, n, err)
		}
	}
	for _, c := range []struct {
		from string
		want error
	}{{"out", ErrCorrupt}, {"fifo", ErrCorrupt}, {".", ErrCorrupt}, {"absent", ErrNotFound}, {"../x", ErrCorrupt}} {
		if _, _, err := s.CopyFile(t.Context(), "to-"+filepath.Base(c.from), root, c.from); !errors.Is(err, c.want) || !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v, wanted %v", c.from, err, c.want)
		}
	}
}

// A file that is written to while it is copied is not the one that was asked
// for, also where it keeps its size; and a copy that nobody waits for ends.
func TestCopyFileOfWhatChanges(t *testing.T) {
	from := t.TempDir()
	name := filepath.Join(from, "a.json")
	if err := os.WriteFile(name, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ctx, cancel := context.WithCancel(t.Context())
	meanwhile := func() error { return nil }
	s, err := newStage(filepath.Join(t.TempDir(), "model"), StageOptions{}, func(op, _ string) error {
		if op == "write" {
			return meanwhile()
		}
		return nil
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Abort(); err != nil {
			t.Error(err)
		}
	}()
	for i, c := range []struct {
		meanwhile func() error
		want      error
	}{
		{func() error { return os.WriteFile(name, []byte("[]"), 0o644) }, ErrChanged},
		{func() error { return os.WriteFile(name, []byte("[1]"), 0o644) }, ErrChanged},
		{func() error { cancel(); return nil }, context.Canceled},
	} {
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(name, past, past); err != nil {
			t.Fatal(err)
		}
		meanwhile = c.meanwhile
		if _, _, err := s.CopyFile(ctx, fmt.Sprint(i), root, "a.json"); !errors.Is(err, c.want) {
			t.Errorf("case %d: %v, wanted %v", i, err, c.want)
		}
	}
}

// An output that was replaced and cannot be removed is told of, and the next
// run removes it.
func TestPublishTellsWhatItLeaves(t *testing.T) {
	for _, noExchange := range []bool{false, true} {
		dir := t.TempDir()
		out := filepath.Join(dir, "model")
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		published := false
		s, err := newStage(out, StageOptions{Force: true}, func(op, _ string) error {
			published = published || op == "exchange" || op == "set aside"
			if published && op == "remove" {
				return errDisk
			}
			return nil
		}, noExchange)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := s.Leftover(); left == "" || left != s.dir && left != s.old {
			t.Errorf("in steps %v: %q is left", noExchange, left)
		} else if _, err := os.Stat(left); err != nil {
			t.Error(err)
		}
		again, err := NewStage(out, StageOptions{Force: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := entries(t, dir); len(got) != 1 || again.Leftover() != "" {
			t.Errorf("left behind: %v, %q", got, again.Leftover())
		}
	}
}
