package orbax

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/loraconv/loraconv/core/store"
)

// fixturesVariable names a directory of checkpoints that real releases of
// Orbax wrote, with what is in them. It is large and not part of the source;
// testdata holds some of it, for the tests that always run.
const fixturesVariable = "LORACONV_FIXTURES"

// maxCaseTime is far more than any case takes, so that a busy machine does not
// fail the tests, and far less than work without a bound would.
const maxCaseTime = 10 * time.Second

type expectedTree struct {
	Arrays map[string]struct {
		Path   []string
		DType  string
		Shape  []int
		SHA256 string
	}
	Legacy map[string]struct {
		Path   []string
		DType  string
		Shape  []int
		SHA256 string
	} `json:"legacy_msgpack"`
	Strings map[string]string
}

type expectedCase struct {
	Trees map[string]expectedTree
}

type damagedCase struct {
	Must       string
	File       string
	Root       string
	LatestStep *int `json:"latest_step"`
	Arrays     []string
	Link       *struct{ Path, To string }
}

// readTree reads every element of a tree: values by storage name.
func readTree(t *testing.T, d store.Directory, tree string) (map[string]string, store.Reader, error) {
	t.Helper()
	r, err := d.Tree(tree)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { _ = r.Close() })
	sums := map[string]string{}
	for _, p := range r.Manifest().Tensors {
		sum, err := readParam(r, p.Name)
		if err != nil {
			return nil, r, err
		}
		sums[strings.Join(p.Path, ".")] = sum
	}
	return sums, r, r.Recheck()
}

// readParam hashes the values of a parameter, which are put together from its
// chunks.
func readParam(r store.Reader, name string) (string, error) {
	p := r.Manifest().Lookup(name)
	chunks, err := r.Chunks(name)
	if err != nil {
		return "", err
	}
	if len(chunks) != p.Chunks {
		return "", fmt.Errorf("%q has %d chunks, the manifest says %d", name, len(chunks), p.Chunks)
	}
	size := p.DType.Size()
	whole := make([]byte, p.Shape.Elements()*size)
	strides := p.Shape.Strides()
	covered, missing := 0, 0
	for i, c := range chunks {
		if c.Index != i {
			return "", fmt.Errorf("%q: chunk %d has index %d", name, i, c.Index)
		}
		if i > 0 && slices.Compare(chunks[i-1].Region.Origin, c.Region.Origin) >= 0 {
			return "", fmt.Errorf("%q: chunk %d is out of order", name, i)
		}
		if !c.Region.Inside(p.Shape) {
			return "", fmt.Errorf("%q: chunk at %v lies outside", name, c.Region)
		}
		if c.Missing {
			missing++
		}
		s, err := r.Open(context.Background(), name, c)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(s)
		if err := errors.Join(err, s.Close()); err != nil {
			return "", err
		}
		n := c.Region.Shape.Elements()
		if len(data) != n*size {
			return "", fmt.Errorf("%q: chunk at %v has %d bytes", name, c.Region, len(data))
		}
		covered += n
		at := make([]int, len(p.Shape))
		for e := range n {
			o := 0
			for k := range at {
				o += (c.Region.Origin[k] + at[k]) * strides[k]
			}
			copy(whole[o*size:], data[e*size:(e+1)*size])
			step(at, c.Region.Shape)
		}
	}
	if covered != p.Shape.Elements() {
		return "", fmt.Errorf("%q: chunks cover %d elements of %d", name, covered, p.Shape.Elements())
	}
	if missing != p.Missing {
		return "", fmt.Errorf("%q: %d chunks are missing, the manifest says %d", name, missing, p.Missing)
	}
	return hexSum(whole), nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// checkTree compares a tree with what is expected of it.
func checkTree(t *testing.T, d store.Directory, name string, want expectedTree) {
	t.Helper()
	sums, r, err := readTree(t, d, name)
	if err != nil {
		t.Errorf("tree %q: %v", name, err)
		return
	}
	m := r.Manifest()
	for storage, w := range want.Arrays {
		checkParam(t, r, sums, storage, w.Path, w.DType, w.Shape, w.SHA256)
	}
	for storage, w := range want.Legacy {
		checkParam(t, r, sums, storage, w.Path, w.DType, w.Shape, w.SHA256)
	}
	if got, want := len(m.Tensors), len(want.Arrays)+len(want.Legacy); got != want {
		t.Errorf("tree %q: %d tensors, wanted %d", name, got, want)
	}
	texts := map[string]string{}
	for _, s := range m.Strings {
		texts[strings.Join(s.Path, ".")] = s.Value
	}
	for storage, w := range want.Strings {
		if got, ok := texts[storage]; !ok || got != w {
			t.Errorf("tree %q: string %q is %q, wanted %q", name, storage, got, w)
		}
	}
	if len(texts) != len(want.Strings) {
		t.Errorf("tree %q: %d strings, wanted %d", name, len(texts), len(want.Strings))
	}
}

func checkParam(t *testing.T, r store.Reader, sums map[string]string, storage string, path []string, dtype string, shape []int, sum string) {
	t.Helper()
	for _, p := range r.Manifest().Tensors {
		if !slices.Equal(p.Path, path) {
			continue
		}
		if dtype != "" && (p.DType.String() != dtype || !slices.Equal(p.Shape, shape)) {
			t.Errorf("%q is %v %v, wanted %v %v", storage, p.DType, p.Shape, dtype, shape)
		}
		if sum != "" && sums[storage] != sum {
			t.Errorf("%q has other values than wanted", storage)
		}
		return
	}
	t.Errorf("%q is not there", storage)
}

// checkGood opens a checkpoint and all steps that are expected of it.
func checkGood(t *testing.T, dir string, want expectedCase) {
	t.Helper()
	groups := map[string]map[string]expectedTree{} // directory to open → trees
	for name, tree := range want.Trees {
		step, item, _ := strings.Cut(name, "/")
		if _, ok := stepNumber(step); ok && item != "" {
			if groups[step] == nil {
				groups[step] = map[string]expectedTree{}
			}
			groups[step][item] = tree
			continue
		}
		if groups["."] == nil {
			groups["."] = map[string]expectedTree{}
		}
		groups["."][name] = tree
	}
	for sub, trees := range groups {
		path := filepath.Join(dir, sub)
		if !Detect(path) || !Detect(dir) {
			t.Errorf("%q is not detected", path)
		}
		d, err := Open(context.Background(), path, Options{})
		if err != nil {
			t.Errorf("open %q: %v", sub, err)
			continue
		}
		t.Cleanup(func() { _ = d.Close() })
		var names []string
		for name := range trees {
			names = append(names, name)
		}
		sort.Strings(names)
		if got := d.Describe().Trees; !slices.Equal(got, names) {
			t.Errorf("%q has trees %q, wanted %q", sub, got, names)
			continue
		}
		for name, tree := range trees {
			checkTree(t, d, name, tree)
		}
	}
}

// readAllTrees opens a checkpoint and reads all it has.
func readAllTrees(t *testing.T, path string) (warnings []string, d store.Directory, err error) {
	t.Helper()
	d, err = Open(context.Background(), path, Options{})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { _ = d.Close() })
	warnings = d.Describe().Warnings
	for _, name := range d.Describe().Trees {
		_, r, err := readTree(t, d, name)
		if err != nil {
			return nil, d, err
		}
		warnings = append(warnings, r.Manifest().Warnings...)
	}
	return warnings, d, nil
}

// checkDamaged judges a damaged checkpoint, in dir, as its case says.
func checkDamaged(t *testing.T, dir string, c damagedCase) {
	t.Helper()
	root := "checkpoint"
	if c.Root != "" {
		root = c.Root
	}
	if !Detect(filepath.Join(dir, root)) {
		t.Error("not detected")
	}
	warnings, d, err := readAllTrees(t, filepath.Join(dir, root))
	if err != nil {
		t.Log(err)
	}
	switch c.Must {
	case "refuse":
		if err == nil {
			t.Error("was accepted")
		}
	case "report":
		if err == nil && len(warnings) == 0 {
			t.Error("was accepted in silence")
		}
	case "accept", "undetectable":
		if err != nil {
			t.Error("was refused")
		} else if c.LatestStep != nil {
			if want := fmt.Sprintf("step_%d", *c.LatestStep); filepath.Base(d.Describe().Root) != want {
				t.Errorf("chose %q, wanted %q", d.Describe().Root, want)
			}
		}
	case "undetectable-or-refuse":
	default:
		t.Errorf("unknown verdict %q", c.Must)
	}
	if err != nil {
		known := []error{store.ErrNotFound, store.ErrFormat, store.ErrUnfinished, store.ErrCorrupt, store.ErrUnsupported}
		if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
			t.Errorf("error wraps no sentinel: %v", err)
		}
	}
}

func readJSON(t *testing.T, path string, v any) bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// judge checks one case, in dir.
func judge(t *testing.T, dir string) {
	t.Helper()
	start := time.Now()
	var good expectedCase
	var bad damagedCase
	switch {
	case readJSON(t, filepath.Join(dir, "expected.json"), &good):
		checkGood(t, filepath.Join(dir, "checkpoint"), good)
	case readJSON(t, filepath.Join(dir, "case.json"), &bad):
		if bad.Link != nil {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(bad.Link.To, filepath.Join(copied, bad.Link.Path)); err != nil {
				t.Fatal(err)
			}
			dir = copied
		}
		checkDamaged(t, dir, bad)
	default:
		t.Fatal("no expected.json and no case.json")
	}
	if d := time.Since(start); d > maxCaseTime {
		t.Errorf("took %v", d)
	}
}

// runCases judges every case in a directory.
func runCases(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() {
			n++
			t.Run(e.Name(), func(t *testing.T) { judge(t, filepath.Join(dir, e.Name())) })
		}
	}
	if n == 0 {
		t.Fatal("no cases")
	}
}

// TestFixtures reads the large collection, if LORACONV_FIXTURES says where
// it is.
func TestFixtures(t *testing.T) {
	dir := os.Getenv(fixturesVariable)
	if dir == "" {
		t.Logf("not run: set %s to a directory with the folders orbax, openpi and maxtext", fixturesVariable)
		return
	}
	t.Run("orbax", func(t *testing.T) { runCases(t, filepath.Join(dir, "orbax")) })
	t.Run("openpi", func(t *testing.T) { runOpenPI(t, filepath.Join(dir, "openpi")) })
	t.Run("maxtext", func(t *testing.T) { runMaxText(t, filepath.Join(dir, "maxtext")) })
}

func runOpenPI(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var c struct {
			Leaves int      `json:"leaves"`
			Dir    string   `json:"params_dir"`
			Assets []string `json:"asset_ids"`
			Names  []string `json:"message_must_name_one_of"`
		}
		if !e.IsDir() || !readJSON(t, filepath.Join(dir, e.Name(), "case.json"), &c) {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			_, d, err := readAllTrees(t, filepath.Join(dir, e.Name(), "checkpoint"))
			damaged := slices.Contains([]string{"bad_truncated_data", "bad_zstd_byte", "bad_tree_node_crc"}, e.Name())
			if damaged {
				checkNames(t, err, c.Names)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, direct, err := readAllTrees(t, filepath.Join(dir, e.Name(), c.Dir))
			if err != nil {
				t.Fatal(err)
			}
			r, err := direct.Tree(direct.Describe().Trees[0])
			if err != nil {
				t.Fatal(err)
			}
			if n := len(r.Manifest().Tensors); c.Leaves != 0 && n != c.Leaves {
				t.Errorf("%d tensors, wanted %d", n, c.Leaves)
			}
			if got := len(d.Describe().Files); got < len(c.Assets) {
				t.Errorf("side files %v, wanted those of %q", d.Describe().Files, c.Assets)
			}
		})
	}
}

// checkNames checks that an error names one of the things it should.
func checkNames(t *testing.T, err error, names []string) {
	t.Helper()
	if err == nil {
		t.Error("was accepted")
		return
	}
	t.Log(err)
	text := strings.ReplaceAll(err.Error(), "/", ".")
	if !slices.ContainsFunc(names, func(n string) bool {
		return strings.Contains(text, strings.TrimSuffix(strings.ReplaceAll(n, "/", "."), ".value"))
	}) {
		t.Errorf("error names none of %q", names)
	}
}

func runMaxText(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var c struct {
			Base, Lora string
			Names      []string                   `json:"message_names"`
			Arrays     map[string]json.RawMessage `json:"base_arrays"`
		}
		if !e.IsDir() || !readJSON(t, filepath.Join(dir, e.Name(), "case.json"), &c) {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			for _, item := range []string{c.Base, c.Lora} {
				path := filepath.Join(dir, e.Name(), item)
				_, _, err := readAllTrees(t, path)
				if e.Name() == "bad-truncated-base" && item == c.Base {
					checkNames(t, err, c.Names)
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", item, err)
				}
				if _, _, err := readAllTrees(t, filepath.Dir(path)); err != nil {
					t.Errorf("step of %s: %v", item, err)
				}
				if _, _, err := readAllTrees(t, filepath.Dir(filepath.Dir(path))); err != nil {
					t.Errorf("run of %s: %v", item, err)
				}
			}
		})
	}
}
