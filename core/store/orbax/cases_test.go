package orbax

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCases reads checkpoints that real releases of Orbax and TensorStore wrote,
// and damaged copies of them, against what TensorStore reads from them. Each
// testdata/cases/*.tgz holds a checkpoint and expected.json (what is in it) or
// case.json (what a reader must do with it).
func TestCases(t *testing.T) {
	archives, err := filepath.Glob("testdata/cases/*.tgz")
	if err != nil || len(archives) < 50 {
		t.Fatalf("%d cases, %v", len(archives), err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tgz")
		t.Run(name, func(t *testing.T) { judge(t, filepath.Join(unpack(t, archive), name)) })
	}
}

// unpack unpacks an archive into a temporary directory.
func unpack(t testing.TB, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, data, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
