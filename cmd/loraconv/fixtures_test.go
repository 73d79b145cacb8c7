//go:build fixtures

// The checkpoints that these tests read are large and lie outside of the
// repository:
//
//	LORACONV_FIXTURES=<dir> go test -tags fixtures -run Fixtures ./cmd/loraconv
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type leaf struct {
	Path   []string
	DType  string
	Shape  []int
	SHA256 string
	JSON   any `json:"json"` // of a Python scalar, which has no dtype of its own
}

// asStored gives a Python scalar the type and digest that Orbax stores it with.
func (l leaf) asStored() leaf {
	var v any
	switch x := l.JSON.(type) {
	case nil:
		return leaf{append([]string{}, l.Path...), l.DType, append([]int{}, l.Shape...), l.SHA256, nil}
	case bool:
		l.DType, v = "bool", x
	case float64:
		if l.DType, v = "float64", x; x == math.Trunc(x) {
			l.DType, v = "int64", int64(x)
		}
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, v)
	return leaf{l.Path, l.DType, []int{}, fmt.Sprintf("%x", sha256.Sum256(b.Bytes())), nil}
}

type wantTree struct {
	Arrays  map[string]leaf
	Legacy  map[string]leaf `json:"legacy_msgpack"`
	Strings map[string]string
}

// result is one run of the built command.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
	rss            int64
}

func execute(t *testing.T, bin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(bin, args...)
	c.Stdout, c.Stderr = &out, &errs
	begin := time.Now()
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String(), time.Since(begin), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10}
}

func buildCommand(t *testing.T) (bin, fixtures string) {
	t.Helper()
	if fixtures = os.Getenv("LORACONV_FIXTURES"); fixtures == "" {
		t.Fatal("LORACONV_FIXTURES must name the directory of the fixtures")
	}
	bin = filepath.Join(t.TempDir(), "loraconv")
	if b, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return bin, fixtures
}

// TestFixturesInspect holds inspect -json -digest against what TensorStore
// reads, both ways, and judges every damaged checkpoint.
func TestFixturesInspect(t *testing.T) {
	bin, fixtures := buildCommand(t)
	cases, err := filepath.Glob(filepath.Join(fixtures, "orbax", "*"))
	if err != nil || len(cases) < 80 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	good, bad := 0, 0
	for _, dir := range cases {
		if b, err := os.ReadFile(filepath.Join(dir, "expected.json")); err == nil {
			good++
			t.Run(filepath.Base(dir), func(t *testing.T) { inspectGood(t, bin, dir, b) })
		} else if b, err := os.ReadFile(filepath.Join(dir, "case.json")); err == nil {
			bad++
			t.Run(filepath.Base(dir), func(t *testing.T) { inspectDamaged(t, bin, dir, b) })
		}
	}
	t.Logf("%d good, %d damaged", good, bad)
}

func inspectGood(t *testing.T, bin, dir string, doc []byte) {
	var want struct{ Trees map[string]wantTree }
	if err := json.Unmarshal(doc, &want); err != nil {
		t.Fatal(err)
	}
	r := execute(t, bin, "inspect", filepath.Join(dir, "checkpoint"), "-json", "-digest")
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if d := cmp.Diff(flattenWant(want.Trees), flattenGot(t, r.stdout)); d != "" {
		t.Error(d)
	}
}

// flattenWant and flattenGot list trees → name → leaf or text.
func flattenWant(trees map[string]wantTree) map[string]map[string]any {
	out := map[string]map[string]any{}
	for name, tree := range trees {
		m := map[string]any{}
		for _, list := range []map[string]leaf{tree.Arrays, tree.Legacy} {
			for _, l := range list {
				m["tensor "+strings.Join(l.Path, "/")+"\x00"+strings.Join(l.Path, "\x00")] = l.asStored()
			}
		}
		for n, s := range tree.Strings {
			m["text "+n] = s
		}
		out[name] = m
	}
	return out
}

func flattenGot(t *testing.T, stdout string) map[string]map[string]any {
	t.Helper()
	var got struct {
		Format string
		Trees  map[string]struct {
			Tensors []struct {
				Name   string
				Bytes  int64
				Path   []string
				DType  string
				Shape  []int
				SHA256 string
			}
			Strings []struct {
				Path  []string
				Value string
			}
		}
	}
	d := json.NewDecoder(strings.NewReader(stdout))
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d.More() || got.Format != "orbax" {
		t.Errorf("format %q, or more than one object", got.Format)
	}
	out := map[string]map[string]any{}
	for name, tree := range got.Trees {
		m := map[string]any{}
		for _, l := range tree.Tensors {
			key := "tensor " + l.Name + "\x00" + strings.Join(l.Path, "\x00")
			if m[key] != nil {
				t.Errorf("%q is listed twice", l.Name)
			}
			m[key] = leaf{l.Path, l.DType, l.Shape, l.SHA256, nil}
		}
		for _, s := range tree.Strings {
			m["text "+strings.Join(s.Path, ".")] = s.Value
		}
		out[name] = m
	}
	return out
}

func inspectDamaged(t *testing.T, bin, dir string, doc []byte) {
	var want struct {
		Must   string
		Root   string
		Link   *struct{ Path, To string }
		Latest *int `json:"latest_step"`
		Step   *int
	}
	if err := json.Unmarshal(doc, &want); err != nil {
		t.Fatal(err)
	}
	if want.Link != nil {
		copied := filepath.Join(t.TempDir(), "case")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		dir = copied
		at := filepath.Join(dir, want.Link.Path)
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(want.Link.To, at); err != nil {
			t.Fatal(err)
		}
	}
	root := want.Root
	if root == "" {
		root = "checkpoint"
	}
	r := execute(t, bin, "inspect", filepath.Join(dir, root), "-json", "-digest")
	if r.took > time.Second || r.rss > 256<<20 {
		t.Errorf("took %v and %d MiB", r.took, r.rss>>20)
	}
	refused := r.code == 4
	if refused && (r.stdout != "" || !strings.HasPrefix(r.stderr, "Error: ")) || r.code != 0 && r.code != 4 {
		t.Errorf("exit %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	var report struct {
		Step     string
		Warnings []string
	}
	if !refused {
		if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: exit %d, %v, %d MiB: %s%q", want.Must, r.code, r.took.Round(time.Millisecond), r.rss>>20, r.stderr, report.Warnings)
	switch want.Must {
	case "refuse":
		if !refused {
			t.Error("was accepted")
		}
	case "report":
		if !refused && len(report.Warnings) == 0 {
			t.Error("was accepted in silence")
		}
	case "accept":
		if refused {
			t.Error("was refused")
		}
		if want.Latest != nil && report.Step != "step_2" {
			t.Errorf("step %q is the latest", report.Step)
		}
	case "undetectable", "undetectable-or-refuse":
	default:
		t.Errorf("a case that must %q", want.Must)
	}
}

// TestFixturesFlips changes single bits of a checkpoint's weights: diff must
// find each.
func TestFixturesFlips(t *testing.T) {
	bin, fixtures := buildCommand(t)
	source := filepath.Join(fixtures, "openpi", "pi0_lora", "expected.safetensors")
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(b) - 1, len(b) - 5, len(b) / 2, len(b) / 3} {
		changed := slices.Clone(b)
		changed[at] ^= 1 << (at % 8)
		p := filepath.Join(t.TempDir(), "flipped.safetensors")
		if err := os.WriteFile(p, changed, fs.ModePerm); err != nil {
			t.Fatal(err)
		}
		if r := execute(t, bin, "diff", source, p); r.code != 10 || !strings.Contains(r.stdout, "1 of ") {
			t.Errorf("bit at %d: exit %d\n%s%s", at, r.code, r.stdout, r.stderr)
		}
	}
}
