package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	holds := func(want string, mode os.FileMode) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != want {
			t.Errorf("%q, %v, wanted %q", b, err, want)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("mode %v, %v, wanted %v", st.Mode(), err, mode)
		}
		if es, _ := os.ReadDir(dir); len(es) != 1 {
			t.Errorf("beside it lies something: %v", es)
		}
	}
	if err := Replace(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds("one", 0o600)
	broken := errors.New("broken")
	err := ReplaceBy(path, 0o644, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		if now, _ := os.ReadFile(path); string(now) != "one" {
			t.Errorf("while it is written, the name means %q", now)
		}
		return broken
	})
	if err != broken {
		t.Errorf("error %v", err)
	}
	holds("one", 0o600)
	if err := Replace(path, []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	holds("two", 0o644)
	if err := Replace(filepath.Join(dir, "none", "f"), nil, 0o644); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestReplaceThroughLinks(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o644), os.Symlink("f", link)); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "f" {
		t.Errorf("the link is %q, %v", to, err)
	}
	if b, _ := os.ReadFile(file); string(b) != "new" {
		t.Errorf("the file holds %q", b)
	}
	if err := Replace(dir, nil, 0o644); err == nil {
		t.Error("a directory was replaced")
	}
}
