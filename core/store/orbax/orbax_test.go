package orbax

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/ocdbttest"
	"github.com/loraconv/loraconv/core/store/orbax/ocdbt"
	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// normal makes n float32 of a normal distribution, as bytes.
func normal(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var b []byte
	for range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(0.02*r.NormFloat64())))
	}
	return b
}

func param(name string, shape, chunk tensor.Shape) orbaxtest.Param {
	return orbaxtest.Param{Path: strings.Split(name, "/"), DType: tensor.Float32, Shape: shape, Chunk: chunk,
		Data: orbaxtest.FromBytes(normal(shape.Elements()), tensor.Float32, shape)}
}

func write(t testing.TB, dir string, o orbaxtest.Options, params ...orbaxtest.Param) {
	t.Helper()
	if err := orbaxtest.Write(dir, params, o); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, path string, o Options) store.Directory {
	t.Helper()
	d, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func mustTree(t testing.TB, d store.Directory, name string) store.Reader {
	t.Helper()
	r, err := d.Tree(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWritten reads back what orbaxtest wrote in each of its forms; the values
// are those that went in.
func TestWritten(t *testing.T) {
	forms := map[string]orbaxtest.Options{
		"zarr2":        {},
		"uncompressed": {Uncompressed: true},
		"process":      {ProcessDir: true, DataFileBytes: 4096},
		"levels":       {NodeEntries: 2},
		"zarr3":        {Zarr3: true},
		"zarr3 raw":    {Zarr3: true, Uncompressed: true, NodeEntries: 3},
	}
	for name, o := range forms {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "params")
			inner := param("a/inner", tensor.Shape{6, 10}, tensor.Shape{4, 6})
			inner.Inner = tensor.Shape{2, 3}
			params := []orbaxtest.Param{
				param("a/edge", tensor.Shape{7, 5, 9}, tensor.Shape{3, 2, 4}),
				param("a/whole", tensor.Shape{40, 50}, nil),
				param("b/scalar/value", tensor.Shape{}, nil),
				param("b/empty", tensor.Shape{0, 4}, nil),
				inner,
				{Path: []string{"text"}, ValueType: "string", Text: "hello"},
			}
			write(t, dir, o, params...)
			r := mustTree(t, mustOpen(t, dir, Options{}), ".")
			want := map[string]string{}
			for _, p := range params[:5] {
				want[manifest.ParamName(p.Path)] = hexSum(normal(p.Shape.Elements()))
			}
			got := map[string]string{}
			for _, p := range r.Manifest().Tensors {
				var err error
				if got[p.Name], err = readParam(r, p.Name); err != nil {
					t.Error(err)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]manifest.String{{Path: []string{"text"}, Value: "hello"}}, r.Manifest().Strings); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSteps opens runs: which step is chosen, and what is said about it.
func TestSteps(t *testing.T) {
	two, five, seven := 2, 5, 7
	committed := string(orbaxtest.StepMetadata([]string{"params"}, nil))
	begun := strings.Replace(committed, `"commit_timestamp_nsecs":1700000001000000000`, `"commit_timestamp_nsecs":null`, 1)
	tests := []struct {
		name  string
		steps map[string]string // directory → _CHECKPOINT_METADATA
		step  *int
		want  string
		err   error
	}{
		{"latest by number", map[string]string{"9": committed, "10": committed}, nil, "10", nil},
		{"prefix and padding", map[string]string{"step_0009": committed, "step_0010": ""}, nil, "step_0010", nil},
		{"unfinished by name", map[string]string{"2": committed, "10.orbax-checkpoint-tmp": committed}, nil, "2", nil},
		{"unfinished by name and counter", map[string]string{"2": committed, "10.orbax-checkpoint-tmp-7": committed}, nil, "2", nil},
		{"unfinished by metadata", map[string]string{"2": committed, "10": begun}, nil, "2", nil},
		{"none finished", map[string]string{"10": begun, "2.orbax-checkpoint-tmp-7": ""}, nil, "", store.ErrUnfinished},
		{"chosen", map[string]string{"2": committed, "10": committed}, &two, "2", nil},
		{"chosen is unfinished by name", map[string]string{"2": committed, "5.orbax-checkpoint-tmp-1": ""}, &five, "", store.ErrUnfinished},
		{"chosen is unfinished by metadata", map[string]string{"2": committed, "5": begun}, &five, "", store.ErrUnfinished},
		{"chosen is not there", map[string]string{"2": committed}, &seven, "", store.ErrNotFound},
		{"two of one number", map[string]string{"2": committed, "02": committed}, nil, "", store.ErrFormat},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			run := t.TempDir()
			for step, metadata := range c.steps {
				write(t, filepath.Join(run, step, "params"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
				if metadata != "" {
					writeFile(t, filepath.Join(run, step, checkpointFile), metadata)
				}
			}
			if !Detect(run) {
				t.Error("not detected")
			}
			d, err := Open(context.Background(), run, Options{Step: c.step})
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, wanted %v", err, c.err)
			}
			if err != nil {
				return
			}
			defer func() { _ = d.Close() }()
			got := d.Describe()
			if got.Root != filepath.Join(run, c.want) || !slices.Equal(got.Trees, []string{"params"}) || len(got.Layout) == 0 {
				t.Errorf("got %+v, wanted %q", got, c.want)
			}
			if left := len(c.steps) - 1; c.step == nil && strings.Contains(c.name, "unfinished") && len(got.Warnings) != left {
				t.Errorf("warnings %q, wanted %d", got.Warnings, left)
			}
		})
	}
}

// TestWithinASave: an item of an unfinished save is not taken, whole or not, nor
// is a step whose item was not finished.
func TestWithinASave(t *testing.T) {
	run := t.TempDir()
	write(t, filepath.Join(run, "7.orbax-checkpoint-tmp-1", "params"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	write(t, filepath.Join(run, "one", "8", "params.orbax-checkpoint-tmp-1"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	writeFile(t, filepath.Join(run, "one", "8", "assets", "norm_stats.json"), "{}")
	if err := os.Symlink(filepath.Join(run, "7.orbax-checkpoint-tmp-1", "params"), filepath.Join(run, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"7.orbax-checkpoint-tmp-1":        "it is an unfinished save",
		"7.orbax-checkpoint-tmp-1/params": `it lies in "7.orbax-checkpoint-tmp-1": it is an unfinished save`,
		"link":                            `it lies in "7.orbax-checkpoint-tmp-1": it is an unfinished save`,
		"one":                             `item "params.orbax-checkpoint-tmp-1": it is an unfinished save`,
		"one/8":                           `item "params.orbax-checkpoint-tmp-1": it is an unfinished save`,
	} {
		p := filepath.Join(run, path)
		if !Detect(p) {
			t.Errorf("%s is not detected", path)
		}
		if _, err := Open(context.Background(), p, Options{}); !errors.Is(err, store.ErrUnfinished) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, wanted %q", path, err, want)
		}
	}
}

// TestDataNotCopied: a data file that did not come along is asked for by name.
func TestDataNotCopied(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{ProcessDir: true, Uncompressed: true}, param("w", tensor.Shape{1 << 12}, nil))
	if err := os.RemoveAll(filepath.Join(dir, "ocdbt.process_0", "d")); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, dir, Options{})
	_, err := d.Tree(".")
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), `file "ocdbt.process_0/d/`) || !strings.HasSuffix(err.Error(), "not found (was it not copied with the rest?)") {
		t.Error(err)
	}
}

// TestStepOfOneCheckpoint: a step is only asked for where there are several.
func TestStepOfOneCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "3")
	write(t, filepath.Join(dir, "items"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	three, four := 3, 4
	mustOpen(t, dir, Options{Step: &three})
	if _, err := Open(context.Background(), dir, Options{Step: &four}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// TestDescribe opens a step as openpi lays it out, in all the ways to name it.
func TestDescribe(t *testing.T) {
	run := t.TempDir()
	step := filepath.Join(run, "1999")
	write(t, filepath.Join(step, "params"), orbaxtest.Options{}, param("params/w", tensor.Shape{2}, nil))
	write(t, filepath.Join(step, "train_state"), orbaxtest.Options{}, param("step", tensor.Shape{}, nil))
	metadata := strings.Replace(string(orbaxtest.StepMetadata([]string{"params", "train_state"}, []byte(`{"x":0}`))), `{"x":0}`, `{"x": NaN}`, 1)
	writeFile(t, filepath.Join(step, checkpointFile), metadata)
	writeFile(t, filepath.Join(step, "commit_success.txt"), "done")
	writeFile(t, filepath.Join(step, "assets", "droid", "norm_stats.json"), "{}")
	writeFile(t, filepath.Join(step, "assets", "bad\nname"), "")
	writeFile(t, filepath.Join(step, "metrics", "metrics"), `{"loss": NaN}`)
	if err := os.Symlink("/etc/passwd", filepath.Join(step, "assets", "link")); err != nil {
		t.Fatal(err)
	}
	files := []manifest.File{{Path: "assets/droid/norm_stats.json", Bytes: 2}, {Path: "metrics/metrics", Bytes: 13}}
	rewritten := `"custom_metadata": {"x": "NaN"}`

	for _, path := range []string{run, step} {
		got := mustOpen(t, path, Options{}).Describe()
		if d := cmp.Diff(store.Description{Root: step, Format: "orbax", Trees: []string{"params", "train_state"}, Files: files},
			store.Description{Root: got.Root, Format: got.Format, Trees: got.Trees, Files: got.Files}); d != "" {
			t.Error(d)
		}
		if !strings.Contains(string(got.Metadata), rewritten) {
			t.Errorf("metadata %s", got.Metadata)
		}
		if len(got.Warnings) != 2 {
			t.Errorf("warnings %q, wanted one for the link and one for the name", got.Warnings)
		}
	}
	item := mustOpen(t, filepath.Join(step, "params"), Options{})
	if got := item.Describe(); !slices.Equal(got.Trees, []string{"."}) || len(got.Files) != 0 || !strings.Contains(string(got.Metadata), rewritten) {
		t.Errorf("item: %+v", got)
	}
	m := mustTree(t, item, ".").Manifest()
	if !strings.Contains(string(m.Metadata), rewritten) || m.Tree != "." {
		t.Errorf("manifest of the item: %+v", m)
	}
	of := mustTree(t, mustOpen(t, step, Options{}), "params").Manifest()
	if of.Fingerprint != m.Fingerprint || !strings.HasPrefix(m.Fingerprint, "sha256:") {
		t.Errorf("fingerprints %q and %q of one tree", of.Fingerprint, m.Fingerprint)
	}
	if d := cmp.Diff(files, of.Files); d != "" {
		t.Error(d)
	}
}

// TestNoCheckpoint: what is not for this package is said to be so.
func TestNoCheckpoint(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "model.safetensors"), "")
	writeFile(t, filepath.Join(dir, "sub_1", "x"), "")
	for path, want := range map[string]error{dir: store.ErrFormat, filepath.Join(dir, "absent"): store.ErrNotFound, filepath.Join(dir, "model.safetensors"): store.ErrFormat} {
		if Detect(path) {
			t.Errorf("%q is detected", path)
		}
		if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, want) {
			t.Errorf("%q: error %v, wanted %v", path, err, want)
		}
	}
}

// TestUnmerged: databases of processes without a root were never merged.
func TestUnmerged(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ocdbt.process_0"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	_, _, err := readAllTrees(t, dir)
	if !errors.Is(err, store.ErrUnfinished) || !strings.Contains(err.Error(), "merged") {
		t.Errorf("error %v", err)
	}
}

// TestFingerprint: the fingerprint is that of the bytes, wherever and whenever
// they were written.
func TestFingerprint(t *testing.T) {
	fingerprint := func(o orbaxtest.Options, p orbaxtest.Param) string {
		dir := t.TempDir()
		write(t, dir, o, p)
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "manifest.ocdbt"), old, old); err != nil {
			t.Fatal(err)
		}
		return mustTree(t, mustOpen(t, dir, Options{}), ".").Manifest().Fingerprint
	}
	first := fingerprint(orbaxtest.Options{}, param("w", tensor.Shape{300}, nil))
	if again := fingerprint(orbaxtest.Options{}, param("w", tensor.Shape{300}, nil)); again != first {
		t.Error("the same bytes have two fingerprints")
	}
	for name, other := range map[string]string{
		"name":  fingerprint(orbaxtest.Options{}, param("v", tensor.Shape{300}, nil)),
		"shape": fingerprint(orbaxtest.Options{}, param("w", tensor.Shape{301}, nil)),
		"chunk": fingerprint(orbaxtest.Options{}, param("w", tensor.Shape{300}, tensor.Shape{150})),
	} {
		if other == first {
			t.Errorf("another %s does not show", name)
		}
	}
}

// TestRecheck: files that change under the reader are noticed.
func TestRecheck(t *testing.T) {
	changes := map[string]func(path string) error{
		"longer":   func(p string) error { return os.WriteFile(p, make([]byte, 1<<16), 0o644) },
		"touched":  func(p string) error { return os.Chtimes(p, time.Time{}, time.Now().Add(time.Minute)) },
		"removed":  os.Remove,
		"replaced": func(p string) error { return replace(p) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{1000}, nil))
			r := mustTree(t, mustOpen(t, dir, Options{}), ".")
			chunks, err := r.Chunks("w")
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Recheck(); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(dir, filepath.FromSlash(chunks[0].File))); err != nil {
				t.Fatal(err)
			}
			if err := r.Recheck(); !errors.Is(err, store.ErrChanged) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestRecheckOfTheStep: what a step says of itself is part of what was read.
func TestRecheckOfTheStep(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{1000}, nil))
	said := filepath.Join(dir, checkpointFile)
	if err := os.WriteFile(said, []byte(`{"custom_metadata": {"alpha": 16}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	if err := r.Recheck(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(said, []byte(`{"custom_metadata": {"alpha": 8}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Recheck(); !errors.Is(err, store.ErrChanged) {
		t.Errorf("error %v", err)
	}
}

// replace puts a copy in the place of a file, with its time.
func replace(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// TestShrunk: a data file that is cut short while it is read is an error of
// the stream, and no short read.
func TestShrunk(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{300000}, nil))
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	chunks, err := r.Chunks("w")
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Open(context.Background(), "w", chunks[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := os.Truncate(filepath.Join(dir, filepath.FromSlash(chunks[0].File)), 600000); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, s); !errors.Is(err, store.ErrChanged) {
		t.Errorf("error %v", err)
	}
}

// TestContext: a stream ends when its context does.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{1000}, nil))
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	chunks, _ := r.Chunks("w")
	ctx, cancel := context.WithCancel(context.Background())
	s, err := r.Open(ctx, "w", chunks[0])
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := s.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestNames: names are looked up as the manifest has them.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{2}, nil), param("w/value", tensor.Shape{3}, nil))
	d := mustOpen(t, dir, Options{})
	if _, err := d.Tree("params"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := d.Tree("."); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a leaf below a leaf: error %v", err)
	}
	dir = t.TempDir()
	a := param("a/b", tensor.Shape{2}, nil)
	b := param("x", tensor.Shape{3}, nil)
	b.Path = []string{"a/b"}
	write(t, dir, orbaxtest.Options{}, a, b)
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	if d := cmp.Diff([]string{"a/b"}, r.Manifest().Duplicates()); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]error{"a/b": store.ErrUnsupported, "absent": store.ErrNotFound} {
		if _, err := r.Chunks(name); !errors.Is(err, want) {
			t.Errorf("%q: error %v, wanted %v", name, err, want)
		}
	}
}

// TestUnnamed: an array that _METADATA does not name is not dropped without a
// word.
func TestUnnamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{2}, nil), param("ghost", tensor.Shape{3}, nil))
	path := filepath.Join(dir, treeFile)
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start, end := bytes.Index(doc, []byte(`, "('ghost',)"`)), bytes.Index(doc, []byte(`}, "use_ocdbt"`))
	writeFile(t, path, string(doc[:start])+string(doc[end:]))
	m := mustTree(t, mustOpen(t, dir, Options{}), ".").Manifest()
	if len(m.Tensors) != 1 || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "ghost") {
		t.Errorf("tensors %v, warnings %q", m.Tensors, m.Warnings)
	}
}

// folder writes a tree of one float32 array in folders, uncompressed.
func folder(t *testing.T, shape, chunks string, files map[string]int) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, treeFile), `{"tree_metadata": {"('w',)": {"key_metadata": [{"key": "w", "key_type": 2}], "value_metadata": {"value_type": "np.ndarray", "skip_deserialize": false}}}, "use_zarr3": false}`)
	writeFile(t, filepath.Join(dir, "w", ".zarray"), `{"zarr_format":2,"shape":`+shape+`,"chunks":`+chunks+`,"dtype":"<f4","compressor":null,"fill_value":null,"order":"C","filters":null}`)
	for name, size := range files {
		writeFile(t, filepath.Join(dir, "w", name), strings.Repeat("x", size))
	}
	return dir
}

// TestMisplaced: a chunk that is missing stands for the fill value, one that is
// there and cannot be read does not.
func TestMisplaced(t *testing.T) {
	for name, place := range map[string]func(path string) error{
		"directory":         func(path string) error { return os.Mkdir(path, 0o755) },
		"link to directory": func(path string) error { return os.Symlink("../w", path) },
		"link to nothing":   func(path string) error { return os.Symlink("nowhere", path) },
		"link to itself":    func(path string) error { return os.Symlink("1", path) },
		"link outside":      func(path string) error { return os.Symlink("/", path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "[2]", "[1]", map[string]int{"0": 4})
			if m := mustTree(t, mustOpen(t, dir, Options{}), ".").Manifest(); m.Tensors[0].Missing != 1 {
				t.Errorf("%d chunks are missing, wanted 1", m.Tensors[0].Missing)
			}
			if err := place(filepath.Join(dir, "w", "1")); err != nil {
				t.Fatal(err)
			}
			if _, err := mustOpen(t, dir, Options{}).Tree("."); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), `"w/1"`) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestOddMetadata: a _METADATA that is no file is a damaged one.
func TestOddMetadata(t *testing.T) {
	dir := folder(t, "[2]", "[2]", map[string]int{"0": 8})
	path := filepath.Join(dir, treeFile)
	writeFile(t, filepath.Join(dir, checkpointFile), `{}`)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, dir, Options{})
	if diff := cmp.Diff([]string{"."}, d.Describe().Trees); diff != "" {
		t.Fatal(diff)
	}
	if _, err := d.Tree("."); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), treeFile) {
		t.Errorf("error %v", err)
	}
}

// TestAbsentItem: an item that was taken away is missed; one that holds no
// parameters may have no directory.
func TestAbsentItem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "params"), orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	const module = "orbax.checkpoint._src.handlers."
	writeFile(t, filepath.Join(dir, checkpointFile), `{"item_handlers": {"params": "`+module+`standard_checkpoint_handler.StandardCheckpointHandler",
		"train_state": "`+module+`pytree_checkpoint_handler.PyTreeCheckpointHandler", "descriptor": "`+module+`descriptor_handler.DescriptorHandler", "x": null}}`)
	d := mustOpen(t, dir, Options{}).Describe()
	if diff := cmp.Diff([]string{`item "train_state", which _CHECKPOINT_METADATA lists, is not there`}, d.Warnings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"params"}, d.Trees); diff != "" {
		t.Error(diff)
	}
}

// TestNoDatabase: a database that _METADATA tells of is wanted, and both are
// named.
func TestNoDatabase(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{}, param("w", tensor.Shape{2}, nil))
	if err := os.Remove(filepath.Join(dir, ocdbt.Manifest)); err != nil {
		t.Fatal(err)
	}
	_, err := mustOpen(t, dir, Options{}).Tree(".")
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), ocdbt.Manifest) || !strings.Contains(err.Error(), treeFile) {
		t.Errorf("error %v", err)
	}
}

// TestGuessedStrings: without _METADATA, texts are not dropped.
func TestGuessedStrings(t *testing.T) {
	dir := folder(t, "[2]", "[2]", map[string]int{"0": 8})
	writeFile(t, filepath.Join(dir, stringsFile), `{"a.b": "text"}`)
	if err := os.Remove(filepath.Join(dir, treeFile)); err != nil {
		t.Fatal(err)
	}
	m := mustTree(t, mustOpen(t, dir, Options{}), ".").Manifest()
	if d := cmp.Diff([]manifest.String{{Path: []string{"a", "b"}, Value: "text"}}, m.Strings); d != "" || len(m.Tensors) != 1 || len(m.Warnings) == 0 {
		t.Errorf("%s, %d tensors, warnings %q", d, len(m.Tensors), m.Warnings)
	}
}

// TestLeftOver: chunks beyond the shape would be dropped; a file that is no
// chunk is none.
func TestLeftOver(t *testing.T) {
	files := map[string]int{"0.0": 16, "0.1": 16, "1.0": 16, "1.1": 16, ".zattrs": 2, "0.0.bak": 16}
	if _, err := mustOpen(t, folder(t, "[4,4]", "[2,2]", files), Options{}).Tree("."); err != nil {
		t.Error(err)
	}
	_, err := mustOpen(t, folder(t, "[2,4]", "[2,2]", files), Options{}).Tree(".")
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), `"1.0" lies outside`) {
		t.Errorf("error %v", err)
	}
}

// TestWriteShape: a shape that is no multiple of what was written at a time was
// changed, though no chunk lies outside it.
func TestWriteShape(t *testing.T) {
	for shape, good := range map[string]bool{"[4,4]": true, "[4,2]": true, "[3,4]": false} {
		dir := folder(t, shape, "[2,4]", map[string]int{"0.0": 32, "1.0": 32})
		path := filepath.Join(dir, treeFile)
		doc, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, strings.Replace(string(doc), `"np.ndarray"`, `"jax.Array", "write_shape": [2, 2]`, 1))
		if _, err := mustOpen(t, dir, Options{}).Tree("."); (err == nil) != good || err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("shape %s: error %v", shape, err)
		}
	}
}

// TestGrown: a chunk that is a file, and grows after it was listed.
func TestGrown(t *testing.T) {
	dir := folder(t, "[2,2]", "[2,2]", map[string]int{"0.0": 16})
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	writeFile(t, filepath.Join(dir, "w", "0.0"), strings.Repeat("x", 17))
	if sum, err := readParam(r, "w"); !errors.Is(err, store.ErrChanged) {
		t.Errorf("%s, error %v", sum, err)
	}
}

// TestTruncated: a data file that was cut short is noticed before any value is
// read.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, orbaxtest.Options{ProcessDir: true}, param("w", tensor.Shape{1000}, nil))
	files, err := filepath.Glob(filepath.Join(dir, "ocdbt.process_0", "d", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(files[0], info.Size()-1); err != nil {
		t.Fatal(err)
	}
	_, err = mustOpen(t, dir, Options{}).Tree(".")
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "ocdbt.process_0/d/"+filepath.Base(files[0])) {
		t.Errorf("error %v", err)
	}
}

// TestMissing: absent chunks are the fill value where that is allowed, and an
// error where _METADATA says that all were stored.
func TestMissing(t *testing.T) {
	for _, zarr3 := range []bool{false, true} {
		p := param("w", tensor.Shape{4, 6}, tensor.Shape{2, 6})
		p.Inner = tensor.Shape{2, 3}
		full := p.Data
		p.Data = func(origin []int, shape tensor.Shape) (io.Reader, error) {
			if origin[0] == 0 {
				return full(origin, shape)
			}
			return nil, nil
		}
		dir := t.TempDir()
		write(t, dir, orbaxtest.Options{AllowMissing: true, Zarr3: zarr3}, p)
		r := mustTree(t, mustOpen(t, dir, Options{}), ".")
		got := r.Manifest().Tensors[0]
		if want := got.Chunks / 2; got.Missing != want || want == 0 {
			t.Errorf("zarr3 %v: %d of %d chunks missing, wanted %d", zarr3, got.Missing, got.Chunks, want)
		}
		want := normal(24)
		clear(want[12*4:])
		if sum, err := readParam(r, "w"); err != nil || sum != hexSum(want) {
			t.Errorf("zarr3 %v: other values than wanted, %v", zarr3, err)
		}
		strict := t.TempDir()
		write(t, strict, orbaxtest.Options{Zarr3: zarr3}, p)
		_, err := mustOpen(t, strict, Options{}).Tree(".")
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), `"w"`) {
			t.Errorf("zarr3 %v: error %v", zarr3, err)
		}
	}
}

// TestMaxWindow: a frame with a larger window is refused, with the figure that
// would do, before it is read.
func TestMaxWindow(t *testing.T) {
	var frame bytes.Buffer
	e, err := zstd.NewWriter(&frame, zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(normal(1 << 20)); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "w", ".zarray"), `{"zarr_format":2,"shape":[1048576],"chunks":[1048576],"dtype":"<f4","compressor":{"id":"zstd"},"fill_value":null,"order":"C","filters":null}`)
	writeFile(t, filepath.Join(folder, "w", "0"), frame.String())
	_, err = mustTree(t, mustOpen(t, folder, Options{MaxWindow: 1 << 20}), ".").Chunks("w")
	if !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "needs a limit of 8388608") {
		t.Errorf("error %v", err)
	}
	chunks, err := mustTree(t, mustOpen(t, folder, Options{MaxWindow: 8 << 20}), ".").Chunks("w")
	if err != nil || chunks[0].Memory < 8<<20 || chunks[0].Memory > 12<<20 {
		t.Errorf("chunks %v, error %v", chunks, err)
	}
}

// TestMemory: a stream of a large chunk holds no more than the chunk says.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	const elements = 24 << 20 // 96 MiB
	block := normal(1 << 16)
	p := orbaxtest.Param{Path: []string{"w"}, DType: tensor.Float32, Shape: tensor.Shape{elements}, Data: func([]int, tensor.Shape) (io.Reader, error) {
		return io.LimitReader(&repeat{block: block}, 4*elements), nil
	}}
	write(t, dir, orbaxtest.Options{}, p)
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	chunks, err := r.Chunks("w")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, err := r.Open(context.Background(), "w", chunks[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, s, make([]byte, 64<<10))
	if err != nil || n != 4*elements {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; int64(got) > chunks[0].Memory {
		t.Errorf("allocated %d bytes, the chunk says %d", got, chunks[0].Memory)
	}
	if chunks[0].Memory > 4<<20 {
		t.Errorf("a stream of a frame with a window of 512 KiB holds %d bytes", chunks[0].Memory)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// repeat gives a block for ever.
type repeat struct {
	block []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

// TestConcurrent reads many chunks of many files at once.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	shape := tensor.Shape{200, 300}
	write(t, dir, orbaxtest.Options{DataFileBytes: 1, ProcessDir: true}, param("w", shape, tensor.Shape{2, 300}))
	r := mustTree(t, mustOpen(t, dir, Options{}), ".")
	chunks, err := r.Chunks("w")
	if err != nil || len(chunks) != 100 {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	want := normal(shape.Elements())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range chunks {
				c := chunks[(i*7+g)%len(chunks)]
				s, err := r.Open(context.Background(), "w", c)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(s)
				if err := errors.Join(err, s.Close()); err != nil {
					t.Error(err)
				}
				if at := c.Region.Origin[0] * 300 * 4; !bytes.Equal(got, want[at:at+len(got)]) {
					t.Errorf("chunk %d has other values", c.Index)
				}
			}
		})
	}
	wg.Wait()
	if n := r.(*tree).dir.open; n > maxOpen {
		t.Errorf("%d files are open", n)
	}
	if err := r.Recheck(); err != nil {
		t.Error(err)
	}
}

// TestEscapes: a database that points out of its directory is refused, and
// what it points to is not read.
func TestEscapes(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	writeFile(t, secret, strings.Repeat("s", 4096))
	for _, file := range []ocdbttest.File{
		{Relative: "../secret"}, {Relative: secret}, {Base: "../", Relative: "secret"}, {Base: "d/../../", Relative: "secret"},
		{Relative: "d//x"}, {Relative: "./d/x"}, {Relative: "d/"}, {Relative: "d\x00x"}, {Relative: "link"}, {Relative: "fifo"},
	} {
		dir := filepath.Join(outside, "checkpoint")
		write(t, dir, orbaxtest.Options{Uncompressed: true}, param("w", tensor.Shape{2}, nil))
		if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		makeFIFO(t, filepath.Join(dir, "fifo"))
		for _, where := range []string{"value", "node"} {
			at := ocdbttest.Ref{File: file, Length: 8}
			b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/hostile"}}
			zarray := `{"zarr_format":2,"shape":[2],"chunks":[2],"dtype":"<f4","compressor":null,"fill_value":null,"order":"C","filters":null}`
			root, height := b.Add(ocdbttest.Envelope(ocdbttest.MagicNode, ocdbttest.Leaf([]ocdbttest.Entry{
				{Key: "w/.zarray", Inline: []byte(zarray)}, {Key: "w/0", At: &at},
			}), false)), uint8(0)
			if where == "node" {
				root = at
			}
			writeFile(t, filepath.Join(dir, "d", "hostile"), string(b.Data))
			body := ocdbttest.Manifest(ocdbttest.Config{}, []ocdbttest.Version{{Generation: 1, Height: height, Root: root}}, nil)
			writeFile(t, filepath.Join(dir, "manifest.ocdbt"), string(ocdbttest.Envelope(ocdbttest.MagicManifest, body, false)))
			_, err := mustOpen(t, dir, Options{}).Tree(".")
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s in %q: error %v", where, file, err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// What an item says of itself stands before what its step says, and silence
// does not: an item's file may be there and hold nothing.
func TestMetadataOfItemAndStep(t *testing.T) {
	for _, c := range []struct{ item, step, want string }{
		{"", `{"of": "step"}`, `"of": "step"`},
		{`{}`, `{"of": "step"}`, `"of": "step"`},
		{`{"of": "item"}`, `{"of": "step"}`, `"of": "item"`},
		{`{"of": "item"}`, `{}`, `"of": "item"`},
	} {
		step := filepath.Join(t.TempDir(), "3")
		o := orbaxtest.Options{}
		if c.item != "" {
			o.StepMetadata = orbaxtest.StepMetadata(nil, []byte(c.item))
		}
		write(t, filepath.Join(step, "items"), o, param("w", tensor.Shape{2}, nil))
		writeFile(t, filepath.Join(step, checkpointFile), string(orbaxtest.StepMetadata([]string{"items"}, []byte(c.step))))
		for path, tree := range map[string]string{step: "items", filepath.Join(step, "items"): "."} {
			got := string(mustTree(t, mustOpen(t, path, Options{}), tree).Manifest().Metadata)
			if got = strings.ReplaceAll(got, `":"`, `": "`); !strings.Contains(got, c.want) {
				t.Errorf("item %s, step %s, opened as %q: %s, wanted %s", c.item, c.step, tree, got, c.want)
			}
		}
	}
}
