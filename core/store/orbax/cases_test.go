package orbax

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
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

// TestGenerations walks the version nodes of a database that TensorStore wrote
// with an arity of 4: more than sixty generations, none left out.
func TestGenerations(t *testing.T) {
	root, err := os.OpenRoot(filepath.Join(unpack(t, "testdata/cases/ts-generations.tgz"), "ts-generations", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	files := newFileSet(root)
	defer func() { _ = files.close() }()
	db, err := ocdbt.Open(context.Background(), below{files, "."}, nil)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := db.Versions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range versions {
		if v.Generation != uint64(i+1) {
			t.Fatalf("generation %d in place %d", v.Generation, i)
		}
	}
	if len(versions) < 60 || versions[len(versions)-1].Generation != db.Generation {
		t.Errorf("%d generations", len(versions))
	}
}
