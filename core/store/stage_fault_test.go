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
	"testing"
)

var errDisk = errors.New("the disk is on fire")

// files reads a directory as name -> content; nil if it is not there.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	if _, err := os.Lstat(dir); err != nil {
		return nil
	}
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func equal(a, b map[string]string) bool {
	if (a == nil) != (b == nil) || len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

var whole = map[string]string{"config.json": "{}", "assets/a/norm.json": "[1,2]", "model.safetensors": "weights", "copied.txt": "side file"}

// story is one run: a stage, four files, publish; Abort after an error.
type story struct {
	out   string
	force bool
	steps bool // no exchange
	side  *os.Root
	calls []string
	fail  func(k int, op string) bool
	watch func(op string)
}

func (y *story) run() error {
	k := 0
	s, err := newStage(y.out, StageOptions{Force: y.force}, func(op, name string) error {
		y.watch(op)
		y.calls = append(y.calls, op)
		if k++; y.fail(k, op) {
			return errDisk
		}
		return nil
	}, y.steps)
	if err != nil {
		return err
	}
	if err := y.fill(s); err != nil {
		return errors.Join(err, s.Abort())
	}
	if err := s.Publish(context.Background()); err != nil {
		return errors.Join(err, s.Abort())
	}
	return nil
}

func (y *story) fill(s *Stage) error {
	if err := s.WriteFile("config.json", []byte("{}")); err != nil {
		return err
	}
	if err := s.WriteFile("assets/a/norm.json", []byte("[1,2]")); err != nil {
		return err
	}
	if _, _, err := s.CopyFile(context.Background(), "copied.txt", y.side, "side.txt"); err != nil {
		return err
	}
	f, err := s.CreateFile("model.safetensors", 7)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("weights"), 0)
	return errors.Join(err, f.Close())
}

// Every call that touches the disk fails, once and from then on. At every
// instant the output is what it was, or complete; success means complete; an
// error other than ErrUnsynced means that it is what it was; after a single
// fault nothing is left beside it; after any fault the next run succeeds.
func TestPublishSurvivesEveryFault(t *testing.T) {
	side := t.TempDir()
	if err := os.WriteFile(filepath.Join(side, "side.txt"), []byte("side file"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(side)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	old := map[string]string{"old.txt": "old"}
	for _, c := range []struct {
		name       string
		force      bool
		noExchange bool
	}{{"new", false, false}, {"force", true, false}, {"force in steps", true, true}} {
		for _, forEver := range []bool{false, true} {
			total := 0
			for k := 1; ; k++ {
				dir := t.TempDir()
				parent := filepath.Join(dir, "made")
				out := filepath.Join(parent, "model")
				var before map[string]string
				if c.force {
					before = old
					if err := os.MkdirAll(out, 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(out, "old.txt"), []byte("old"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				y := &story{out: out, force: c.force, steps: c.noExchange, side: root}
				faulted := ""
				y.fail = func(n int, op string) bool {
					if n == k {
						faulted = op
					}
					return n == k || forEver && n > k
				}
				y.watch = func(op string) {
					now := files(t, out)
					ok := equal(now, before) || equal(now, whole)
					if c.noExchange && (op == "rename" || op == "restore" || op == "remove" || op == "unlock" || op == "rmdir") {
						ok = ok || now == nil // the instant that this file system imposes
					}
					if !ok {
						t.Errorf("%s, call %d: before %q the output holds %v", c.name, k, op, now)
					}
				}
				err := y.run()
				now := files(t, out)
				where := fmt.Sprintf("%s, for ever %v, call %d (%s): %v", c.name, forEver, k, faulted, err)
				switch {
				case err == nil:
					if faulted != "" && !tolerated(faulted) {
						t.Errorf("%s: the fault was not reported", where)
					}
					if !equal(now, whole) {
						t.Errorf("%s: success, and the output holds %v", where, now)
					}
				case errors.Is(err, ErrUnsynced):
					if !equal(now, whole) {
						t.Errorf("%s: published, and the output holds %v", where, now)
					}
				case !errors.Is(err, errDisk):
					t.Errorf("%s: wanted the fault in the error", where)
				case !equal(now, before) && !(c.noExchange && forEver && now == nil):
					t.Errorf("%s: the output holds %v, wanted what was there", where, now)
				}
				if !forEver {
					checkNothingLeft(t, where, dir, faulted, err)
				}
				if faulted == "" {
					total = k - 1
					break
				}
				again(t, where, out, root, c.force || now != nil)
			}
			if total < 30 {
				t.Errorf("%s: only %d calls could fail", c.name, total)
			}
		}
	}
}

// again runs without a fault, and must succeed.
func again(t *testing.T, where, out string, side *os.Root, force bool) {
	t.Helper()
	y := &story{out: out, force: force, side: side, fail: func(int, string) bool { return false }, watch: func(string) {}}
	if err := y.run(); err != nil {
		t.Errorf("%s: the next run: %v", where, err)
	}
	if now := files(t, out); !equal(now, whole) {
		t.Errorf("%s: the next run's output holds %v", where, now)
	}
	for _, e := range entries(t, filepath.Dir(out)) {
		if strings.HasPrefix(e, ".") {
			t.Errorf("%s: the next run left %s", where, e)
		}
	}
}

// tolerated are the calls that remove what is no longer needed: their fault
// leaves something beside the output, which the next run removes.
func tolerated(op string) bool { return slices.Contains([]string{"remove", "unlock", "rmdir"}, op) }

// checkNothingLeft looks beside the output after one fault. Where the call
// that removes something is the one that failed, that is left.
func checkNothingLeft(t *testing.T, where, dir, faulted string, err error) {
	t.Helper()
	if tolerated(faulted) {
		return
	}
	made := entries(t, dir)
	if len(made) == 0 {
		return
	}
	for _, e := range entries(t, filepath.Join(dir, "made")) {
		kept := errors.Is(err, ErrUnsynced) && (e == ".model.loraconv-stage" || e == ".model.loraconv-old")
		if e != "model" && !kept {
			t.Errorf("%s: %s is left beside the output", where, e)
		}
	}
	if len(entries(t, filepath.Join(dir, "made"))) == 0 {
		t.Errorf("%s: the parent that was made is left", where)
	}
}
